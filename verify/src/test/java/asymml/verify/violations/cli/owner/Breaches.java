package asymml.verify.violations.cli.owner;

import asymml.verify.violations.trusted.data.PrivateImages;

/// What the owner's commands must not do.
final class Breaches {
  private Breaches() {}

  static final class LooksAtTheData {
    Object seen() {
      return new PrivateImages();
    }
  }
}
