package asymml.session;

import asymml.interop.ExportedModel;
import asymml.interop.OnnxExport;
import asymml.interop.TorchSafeTensors;
import asymml.model.PrivateStore;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;

/// A file format that other programs read models from.
public enum ModelFormat {
  /// The network with its parameters: [OnnxExport].
  ONNX,
  /// The parameters alone, as a `state_dict` of PyTorch: [TorchSafeTensors].
  SAFETENSORS;

  /// How it is written on a command line; files of this format end in a point and this.
  ///
  /// @return `onnx` or `safetensors`
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }

  void write(ExportedModel model, PrivateStore store, Path file) throws IOException {
    switch (this) {
      case ONNX -> OnnxExport.write(model, "AsymML " + RunRecord.version(), store, file);
      case SAFETENSORS -> TorchSafeTensors.write(model, store, file);
    }
  }
}
