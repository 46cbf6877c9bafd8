package asymml.verify.violations.trusted.boundary;

/// Twin of the product's: the proof that a tensor went through the door.
final class Released {}
