package asymml.verify.violations.privacy;

import asymml.verify.violations.trusted.data.PrivateImages;

/// What `privacy` must not do.
final class Breaches {
  private Breaches() {}

  static final class LooksAtTheData {
    PrivateImages images = new PrivateImages();
  }
}
