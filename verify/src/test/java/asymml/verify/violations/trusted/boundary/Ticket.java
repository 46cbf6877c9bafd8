package asymml.verify.violations.trusted.boundary;

/// Stands for anything of the boundary that others can see.
public record Ticket() {}
