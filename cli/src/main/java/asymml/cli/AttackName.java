package asymml.cli;

/// The attacks of `asymml attack`.
enum AttackName {
  GRADIENT_SOLVE("gradient-solve"),
  MASK("mask"),
  IMAGE("image"),
  SUBSPACE("subspace"),
  MEMBERSHIP("membership"),
  MODEL_INVERSION("model-inversion");

  private final String label;

  AttackName(String label) {
    this.label = label;
  }

  String label() {
    return label;
  }
}
