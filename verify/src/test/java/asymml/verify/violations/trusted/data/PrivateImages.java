package asymml.verify.violations.trusted.data;

/// Stands for private data.
public record PrivateImages() {}
