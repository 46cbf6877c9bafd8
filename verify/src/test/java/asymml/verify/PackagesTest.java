package asymml.verify;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.core.type.TypeReference;
import tools.jackson.dataformat.toml.TomlMapper;

/// What `scripts/package.sh` makes of a small bundle: manifests for Gramine, which is not installed
/// here, are read as files; so are the recipe and the units of a confidential VM.
class PackagesTest {
  private static final String OWNER = "tls:owner.example:4433";
  private static final List<String> ACTIONS = List.of("train", "resume", "export");

  /// Keys of a manifest of Gramine 1.9 that weaken nothing.
  private static final List<String> KEYS =
      List.of(
          "loader.entrypoint.uri",
          "loader.log_level",
          "loader.argv",
          "loader.env.LD_LIBRARY_PATH",
          "loader.env.LC_ALL",
          "loader.env.MALLOC_ARENA_MAX",
          "loader.env.OMP_WAIT_POLICY",
          "libos.entrypoint",
          "fs.root.type",
          "fs.start_dir",
          "fs.mounts",
          "sys.stack.size",
          "sys.disallow_subprocesses",
          "sys.enable_extra_runtime_domain_names_conf",
          "sys.enable_sigterm_injection",
          "sgx.debug",
          "sgx.remote_attestation",
          "sgx.enclave_size",
          "sgx.max_threads",
          "sgx.edmm_enable",
          "sgx.use_exinfo",
          "sgx.isvprodid",
          "sgx.isvsvn",
          "sgx.file_check_policy",
          "sgx.allowed_files",
          "sgx.trusted_files");

  @TempDir static Path folder;

  private static Path bundle;
  private static Path certificate;
  private static Path gramine;
  private static Path cvm;

  private record Result(int status, String out) {}

  private static Result run(List<String> command) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    process.getOutputStream().close();
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    return new Result(process.waitFor(), out);
  }

  private static Result packaged(String... arguments) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of("sh", "../scripts/package.sh"));
    command.addAll(Arrays.asList(arguments));
    return run(command);
  }

  private static Path packaged(String kind, String tee, Path out) throws Exception {
    Result result =
        packaged(
            kind,
            "--owner",
            OWNER,
            "--owner-key",
            certificate.toString(),
            "--tee",
            tee,
            "--bundle",
            bundle.toString(),
            "--out",
            out.toString(),
            "--heap",
            "1024",
            "--tensors",
            "3000",
            "--threads",
            "3");
    assertThat(result.status()).as(result.out()).isZero();
    return out;
  }

  private static void jar(Path file, String library, byte[] content) throws IOException {
    try (OutputStream out = Files.newOutputStream(file);
        ZipOutputStream zip = new ZipOutputStream(out)) {
      zip.putNextEntry(new ZipEntry("org/bytedeco/linux-x86_64/" + library));
      zip.write(content);
      zip.closeEntry();
    }
  }

  @BeforeAll
  static void a_small_bundle_is_packed() throws Exception {
    Path tree = folder.resolve("asymml-linux-x86_64");
    Files.createDirectories(tree.resolve("runtime/bin"));
    Files.createDirectories(tree.resolve("lib"));
    Files.writeString(tree.resolve("runtime/bin/java"), "Java");
    Files.writeString(tree.resolve("lib/cli.jar"), "ours");
    Files.writeString(tree.resolve("LICENSE"), "free");
    URL real =
        Objects.requireNonNull(
            PackagesTest.class.getResource("/org/bytedeco/javacpp/linux-x86_64/libjnijavacpp.so"));
    try (InputStream in = real.openStream()) {
      jar(tree.resolve("lib/javacpp-1-linux-x86_64.jar"), "libjnijavacpp.so", in.readAllBytes());
    }
    jar(tree.resolve("lib/dnnl-1-linux-x86_64.jar"), "libdnnl.so.3", new byte[] {1});
    jar(tree.resolve("lib/opencl-1-linux-x86_64.jar"), "libOpenCL.so.1", new byte[] {2});
    bundle = folder.resolve("bundle.tar.gz");
    assertThat(
            run(List.of(
                    "tar",
                    "-czf",
                    bundle.toString(),
                    "-C",
                    folder.toString(),
                    tree.getFileName().toString()))
                .status())
        .isZero();
    certificate = folder.resolve("owner.pem");
    Files.writeString(
        certificate, "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n");
    gramine = packaged("gramine", "sgx", folder.resolve("gramine"));
    cvm = packaged("cvm", "snp", folder.resolve("cvm"));
  }

  private static Map<String, Object> manifest(String action) {
    Map<String, Object> flat = new LinkedHashMap<>();
    flatten(
        "",
        new TomlMapper().readValue(gramine.resolve(action + ".manifest"), new TypeReference<>() {}),
        flat);
    return flat;
  }

  private static void flatten(String prefix, Map<?, ?> table, Map<String, Object> flat) {
    table.forEach((key, value) -> {
      if (value instanceof Map<?, ?> inner) {
        flatten(prefix + key + ".", inner, flat);
      } else {
        flat.put(prefix + key, value);
      }
    });
  }

  private static List<?> list(Map<String, Object> manifest, String key) {
    return (List<?>) Objects.requireNonNull(manifest.get(key));
  }

  private static List<String> argv(Map<String, Object> manifest) {
    return list(manifest, "loader.argv").stream().map(String::valueOf).toList();
  }

  @ParameterizedTest
  @ValueSource(strings = {"train", "resume", "export"})
  void a_manifest_has_no_insecure_option_and_no_variable_of_the_host(String action) {
    Map<String, Object> manifest = manifest(action);
    assertThat(manifest.keySet()).containsExactlyInAnyOrderElementsOf(KEYS);
    assertThat(manifest.keySet()).noneMatch(key -> key.contains("insecure"));
    assertThat(manifest)
        .containsEntry("sgx.debug", false)
        .containsEntry("sgx.remote_attestation", "dcap")
        .containsEntry("sgx.file_check_policy", "strict")
        .containsEntry("sgx.use_exinfo", true)
        .containsEntry("sys.disallow_subprocesses", true)
        .containsEntry("loader.log_level", "error")
        .containsEntry("fs.root.type", "tmpfs");
    assertThat(list(manifest, "sgx.allowed_files"))
        .isEqualTo(List.of("file:given/", "file:data/", "file:runs/"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"train", "resume", "export"})
  void every_file_of_the_package_is_trusted_with_its_digest(String action) throws Exception {
    List<String> found = new ArrayList<>();
    List<String> ofGramine = new ArrayList<>();
    for (Object each : list(manifest(action), "sgx.trusted_files")) {
      if (each instanceof Map<?, ?> file) {
        String name = String.valueOf(file.get("uri")).substring("file:".length());
        found.add(name);
        byte[] content = Files.readAllBytes(gramine.resolve(name));
        assertThat(file.get("sha256"))
            .as(name)
            .isEqualTo(
                HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content)));
      } else {
        ofGramine.add(each.toString());
      }
    }
    assertThat(ofGramine)
        .containsExactly(
            "file:/usr/lib/x86_64-linux-gnu/gramine/libsysdb.so",
            "file:/usr/lib/x86_64-linux-gnu/gramine/runtime/glibc/");
    try (Stream<Path> asymml = Files.walk(gramine.resolve("asymml"))) {
      List<String> all = new ArrayList<>();
      asymml
          .filter(Files::isRegularFile)
          .forEach(file -> all.add(gramine.relativize(file).toString()));
      all.add("owner/owner.pem");
      assertThat(found).containsExactlyInAnyOrderElementsOf(all);
    }
    assertThat(found)
        .contains(
            "asymml/native/libjnijavacpp.so",
            "asymml/native/libdnnl.so.3",
            "asymml/native/libstdc++.so.6",
            "asymml/native/libgcc_s.so.1",
            "asymml/runtime/bin/java",
            "asymml/lib/cli.jar");
  }

  private static int after(List<String> words, String flag) {
    String word = words.stream().filter(w -> w.startsWith(flag)).findFirst().orElseThrow();
    return Integer.parseInt(word.substring(flag.length()).replaceAll("[^0-9].*", ""));
  }

  @Test
  void size_and_threads_follow_from_the_flags() {
    Map<String, Object> manifest = manifest("train");
    List<String> argv = argv(manifest);
    int size =
        Integer.parseInt(String.valueOf(manifest.get("sgx.enclave_size")).replaceAll("M$", ""));
    int threads = ((Number) Objects.requireNonNull(manifest.get("sgx.max_threads"))).intValue();
    int flags =
        after(argv, "-Xmx")
            + after(argv, "-XX:ReservedCodeCacheSize=")
            + after(argv, "-XX:MaxMetaspaceSize=")
            + threads * after(argv, "-Xss")
            + 3000;
    assertThat(Integer.bitCount(size)).isEqualTo(1);
    assertThat(size).isBetween(flags, 2 * (flags + 1024));
    assertThat(threads).isEqualTo(66);
    assertThat(argv).contains("-Xmx1024m", "-XX:ActiveProcessorCount=3");
  }

  @Test
  void the_program_and_its_arguments_are_fixed() {
    for (String action : ACTIONS) {
      List<String> argv = argv(manifest(action));
      assertThat(argv.getFirst()).isEqualTo("/asymml/runtime/bin/java");
      assertThat(argv)
          .contains("-Dorg.bytedeco.javacpp.pathsFirst=true", "-XX:+DisableAttachMechanism")
          .containsSubsequence("-m", "asymml.cli/asymml.cli.Main")
          .containsSubsequence("--owner", OWNER, "--owner-key", "/owner/owner.pem")
          .endsWith("--require-tee", "sgx")
          .doesNotContain("--tee-root");
    }
    assertThat(argv(manifest("train"))).contains("--out", "/runs/run").doesNotContain("--resume");
    assertThat(argv(manifest("resume"))).containsSubsequence("--resume", "/runs/run");
    assertThat(argv(manifest("export"))).containsSubsequence("export", "--run", "/runs/run");
  }

  private static Map<String, String> unit(String action) throws IOException {
    Map<String, String> settings = new LinkedHashMap<>();
    for (String line :
        Files.readAllLines(
            cvm.resolve("mkosi.extra/etc/systemd/system/asymml-" + action + ".service"))) {
      int at = line.indexOf('=');
      if (at > 0 && !line.startsWith("#")) {
        settings.merge(line.substring(0, at), line.substring(at + 1), (a, b) -> a + "\n" + b);
      }
    }
    return settings;
  }

  @Test
  void a_unit_runs_the_same_arguments_with_nothing_but_its_runs_to_write() throws Exception {
    for (String action : ACTIONS) {
      Map<String, String> unit = unit(action);
      List<String> words = List.of(Objects.requireNonNull(unit.get("ExecStart")).split(" ", -1));
      assertThat(words)
          .startsWith("/opt/asymml/runtime/bin/java", "@/opt/asymml/java.options")
          .containsSubsequence("--owner", OWNER, "--owner-key", "/opt/asymml/owner.pem")
          .endsWith("--require-tee", "snp");
      assertThat(unit)
          .containsEntry("ProtectSystem", "strict")
          .containsEntry("CapabilityBoundingSet", "")
          .containsEntry("NoNewPrivileges", "yes")
          .containsEntry("RestrictAddressFamilies", "AF_INET AF_INET6")
          .containsEntry("LimitCORE", "0")
          .containsEntry("UMask", "0077")
          .containsEntry("ReadWritePaths", "/sys/kernel/config/tsm/report\n-/var/lib/asymml/runs");
      assertThat(unit.get("InaccessiblePaths")).startsWith("/dev/shm");
    }
    List<String> options = Files.readAllLines(cvm.resolve("mkosi.extra/opt/asymml/java.options"));
    assertThat(options)
        .contains("-Djava.library.path=/opt/asymml/native", "-Xmx1024m")
        .endsWith("-m", "asymml.cli/asymml.cli.Main");
  }

  @Test
  void at_most_one_unit_runs_and_nobody_logs_in() throws Exception {
    assertThat(unit("train").get("ConditionPathExists"))
        .contains("!/var/lib/asymml/runs/run/checkpoint.safetensors.sealed", "given/export");
    assertThat(unit("resume").get("ConditionPathExists"))
        .contains("\n/var/lib/asymml/runs/run/checkpoint.safetensors.sealed");
    assertThat(unit("export").get("ConditionPathExists"))
        .contains("\n/var/lib/asymml/given/export");
    Path units = cvm.resolve("mkosi.extra/etc/systemd/system");
    for (String masked : List.of("getty.target", "debug-shell.service", "emergency.service")) {
      assertThat(Files.readSymbolicLink(units.resolve(masked))).hasToString("/dev/null");
    }
    String recipe = Files.readString(cvm.resolve("mkosi.conf"));
    assertThat(recipe)
        .contains("systemd.verity=yes", "systemd.swap=no", "rd.shell=0", "Bootloader=none");
    assertThat(cvm.resolve("mkosi.repart/20-root-verity.conf")).content().contains("Verity=hash");
  }

  @Test
  void what_is_missing_is_said_in_one_line() throws Exception {
    List<List<String>> wrong =
        List.of(
            List.of("the command", "other"),
            List.of("--owner tls:HOST:PORT is needed", "gramine"),
            List.of("--owner-key FILE is needed", "gramine", "--owner", OWNER),
            List.of("take letters", "gramine", "--owner", "tls:a\"b:1"),
            List.of("no option --nothing", "cvm", "--nothing", "1"));
    for (List<String> each : wrong) {
      Result result = packaged(each.subList(1, each.size()).toArray(String[]::new));
      assertThat(result.status()).isEqualTo(1);
      assertThat(result.out()).startsWith("package: ").hasLineCount(1);
      if (!each.getFirst().equals("the command")) {
        assertThat(result.out()).contains(each.getFirst());
      }
    }
  }
}
