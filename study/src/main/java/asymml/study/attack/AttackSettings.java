package asymml.study.attack;

/// How hard attacks try.
///
/// @param layers an attack is tried on: the first ones, or the last ones for
///   [AttackName#GRADIENT_SOLVE]; at least 1
/// @param maxUnknowns of a gradient solve, batch x map; larger layers are left out; at least 1
/// @param publicImages of the test split, which stand for public ones, 16 to a million
/// @param inversionIterations of gradient inversion, at least 1
public record AttackSettings(
    int layers, int maxUnknowns, int publicImages, int inversionIterations) {
  private static final int MOST_IMAGES = 1_000_000;

  /// The defaults.
  public static final AttackSettings DEFAULTS = new AttackSettings(4, 1024, 1024, 150);

  /// Checks the ranges above.
  public AttackSettings {
    require("layers", layers, 1);
    require("the largest number of unknowns", maxUnknowns, 1);
    require("public images", publicImages, 16);
    if (publicImages > MOST_IMAGES) {
      throw new IllegalArgumentException(
          "public images must be at most %s: %s".formatted(MOST_IMAGES, publicImages));
    }
    require("iterations of gradient inversion", inversionIterations, 1);
  }

  private static void require(String what, int value, int least) {
    if (value < least) {
      throw new IllegalArgumentException(
          "%s must be at least %s: %s".formatted(what, least, value));
    }
  }
}
