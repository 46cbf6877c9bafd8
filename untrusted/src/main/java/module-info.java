/// The untrusted half: the worker process, which receives only what the release door releases.
module asymml.untrusted {
  requires static transitive org.jspecify;
  requires asymml.kernels;
  requires asymml.wire;
  requires info.picocli;
  requires java.management;
  requires jdk.management;
  // Only where a GPU is asked for; the launcher adds it then.
  requires static org.bytedeco.cuda;
  requires org.bytedeco.javacpp;

  opens asymml.untrusted to
      info.picocli;
}
