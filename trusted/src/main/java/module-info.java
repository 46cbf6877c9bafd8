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
  requires tools.jackson.dataformat.csv;

  // In the signatures of the Java API.
  exports asymml.trusted.data;
  exports asymml.trusted.plan;
  exports asymml.trusted.run;
  exports asymml.trusted.train;

  // Internals, for the modules of this project that build on them.
  exports asymml.trusted.bench to
      asymml.cli,
      asymml.report,
      asymml.study;
  exports asymml.trusted.boundary to
      asymml.cli,
      asymml.session,
      asymml.study;
  exports asymml.trusted.check to
      asymml.cli,
      asymml.session,
      asymml.study;
  exports asymml.trusted.draw to
      asymml.session,
      asymml.study;
  exports asymml.trusted.inference to
      asymml.session;
  exports asymml.trusted.network to
      asymml.study;
  exports asymml.trusted.ops to
      asymml.cli,
      asymml.report,
      asymml.session,
      asymml.study;
  exports asymml.trusted.passes to
      asymml.cli,
      asymml.report,
      asymml.study;
  exports asymml.trusted.rank to
      asymml.cli,
      asymml.report,
      asymml.session,
      asymml.study;
  exports asymml.trusted.stage to
      asymml.session;
  exports asymml.trusted.split to
      asymml.session,
      asymml.study;
}
