/// Studies of training runs: attacks, accuracy against noise, noise for a guarantee, costs and
/// plans. Each takes a specification and gives records.
module asymml.study {
  requires static transitive org.jspecify;
  requires transitive asymml.analysis;
  requires transitive asymml.privacy;
  requires transitive asymml.session;
  requires transitive asymml.trusted;
  requires hipparchus.core;
  requires java.desktop;

  exports asymml.study;
  exports asymml.study.attack;
  exports asymml.study.audit;
  exports asymml.study.bench;
  exports asymml.study.compare;
  exports asymml.study.plan;
  exports asymml.study.tradeoff;
}
