package asymml.verify.violations.attest;

import asymml.verify.violations.trusted.data.PrivateImages;

final class Breaches {
  static final class LooksAtTheData {
    Object seen() {
      return new PrivateImages();
    }
  }
}
