package asymml.verify.violations.untrusted;

import asymml.verify.violations.model.Layer;
import asymml.verify.violations.trusted.data.PrivateImages;
import picocli.CommandLine.Option;

/// What `untrusted` must not do.
final class Breaches {
  private Breaches() {}

  static final class ReadsTheData {
    PrivateImages images = new PrivateImages();
  }

  static final class KnowsTheModel {
    Layer layer = new Layer("conv1");
  }

  static final class ParsesOptions {
    @Option(names = "--epochs")
    int epochs = 1;
  }
}
