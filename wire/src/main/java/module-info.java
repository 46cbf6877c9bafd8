/// What crosses the boundary between the trusted process and an untrusted worker.
module asymml.wire {
  requires static transitive org.jspecify;

  exports asymml.wire;
}
