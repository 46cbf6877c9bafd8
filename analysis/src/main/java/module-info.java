/// What an adversary in the worker's place makes of what it has seen.
module asymml.analysis {
  requires static transitive org.jspecify;
  requires transitive asymml.kernels;
  requires transitive asymml.model;
  requires transitive asymml.wire;
  requires hipparchus.core;

  exports asymml.analysis;
  exports asymml.analysis.score;
}
