/// What an adversary in the worker's place makes of what it has seen.
module asymml.analysis {
  requires static transitive org.jspecify;
  requires transitive asymml.kernels;
  requires transitive asymml.wire;

  exports asymml.analysis;
}
