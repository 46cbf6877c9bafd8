/// The `asymml` command of the trusted side.
module asymml.cli {
  requires static transitive org.jspecify;
  requires asymml.analysis;
  requires asymml.attest;
  requires asymml.privacy;
  requires asymml.report;
  requires asymml.serve;
  requires asymml.session;
  requires asymml.study;
  requires asymml.trusted;
  requires info.picocli;
  requires java.management;
  requires jdk.management;
  // Signals, which org.jline.terminal looks up by name.
  requires jdk.unsupported;
  requires me.tongfei.progressbar;
  requires org.jline.nativ;
  requires org.jline.terminal;
  requires tools.jackson.databind;
  requires tools.jackson.dataformat.yaml;

  opens asymml.cli to
      info.picocli;
  opens asymml.cli.evidence to
      info.picocli;
  opens asymml.cli.owner to
      info.picocli;
  opens asymml.cli.options to
      info.picocli;
}
