package asymml.verify.violations.wire;

import asymml.verify.violations.model.Layer;
import java.io.IOException;
import java.net.ServerSocket;

/// What `wire` must not do.
final class Breaches {
  private Breaches() {}

  static final class NamesItsModel {
    Layer layer = new Layer("conv1");
  }

  /// Within the right module, but no transport.
  static final class ListensOnTheSide {
    void listen() throws IOException {
      new ServerSocket(0).close();
    }
  }
}
