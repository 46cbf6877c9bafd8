/// The TEE half: the only module that sees private data.
module asymml.trusted {
  requires static transitive org.jspecify;
  requires transitive asymml.kernels;
  requires transitive asymml.model;
  requires transitive asymml.privacy;
  requires transitive asymml.wire;
  requires hipparchus.core;
  requires java.desktop;
  requires java.management;
  requires jdk.management;
  requires jdk.incubator.vector;
  requires tools.jackson.databind;

  exports asymml.trusted.bench;
  exports asymml.trusted.boundary;
  exports asymml.trusted.rank;
  exports asymml.trusted.run;
  exports asymml.trusted.train;
  exports asymml.trusted.data;
  exports asymml.trusted.decompose;
  exports asymml.trusted.memory;
  exports asymml.trusted.network;
  exports asymml.trusted.ops;
  exports asymml.trusted.passes;
  exports asymml.trusted.plan;
  exports asymml.trusted.split;
}
