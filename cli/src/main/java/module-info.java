/// The `asymml` command of the trusted side.
module asymml.cli {
  requires static transitive org.jspecify;
  requires asymml.trusted;
  requires info.picocli;
  requires me.tongfei.progressbar;
  requires tools.jackson.dataformat.yaml;
}
