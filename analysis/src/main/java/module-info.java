/// The adversary: attacks on what a worker received and computed.
module asymml.analysis {
  requires static transitive org.jspecify;
  requires transitive asymml.kernels;
  requires transitive asymml.model;
  requires transitive asymml.wire;
  requires hipparchus.core;

  exports asymml.analysis;
  exports asymml.analysis.score;
}
