/// Float32 NHWC kernels over oneDNN; used by both halves, knows nothing of privacy.
module asymml.kernels {
  requires static transitive org.jspecify;
  requires jdk.incubator.vector;
  requires org.bytedeco.dnnl;
  requires org.bytedeco.javacpp;
  // Never called; the loader of the dnnl binding looks for it.
  requires org.bytedeco.opencl;

  exports asymml.kernels;
}
