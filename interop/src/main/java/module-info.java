/// Model files of other programs: ONNX, and safetensors with the names and layouts of PyTorch.
module asymml.interop {
  requires static transitive org.jspecify;
  requires transitive asymml.model;
  requires com.google.protobuf;
  requires org.tribuo.util.onnx;
  requires tools.jackson.databind;

  exports asymml.interop;
}
