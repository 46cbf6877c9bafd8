package asymml.spark;

import asymml.kernels.NativeLibraryException;
import asymml.model.StandardOutput;
import asymml.session.ResolvedRun;
import asymml.session.Settings;
import asymml.session.TrainingResult;
import asymml.session.TrainingSpec;
import asymml.trusted.data.DataException;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.TrainingException;
import java.io.File;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkThrowable;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;
import org.jspecify.annotations.Nullable;

/// `asymml spark train`, and the class that `spark-submit` starts.
public final class Main {
  private static final String DEFAULT_MASTER = "local-cluster[2,1,2048]";
  private static final String USAGE =
      "usage: asymml spark train --data FOLDER|ZIP [--master URL] [--partitions N] [--conf KEY=VALUE] [--resume DIR] [settings of asymml train]";

  private final PrintStream out;
  private final Arguments arguments;

  private Main(PrintStream out, Arguments arguments) {
    this.out = out;
    this.arguments = arguments;
  }

  /// Trains.
  ///
  /// @param args `train` and options
  public static void main(String[] args) {
    List<String> rest = Arrays.asList(args);
    if (rest.isEmpty() || !rest.getFirst().equals("train")) {
      System.err.println(USAGE);
      System.exit(2);
    }
    StandardOutput output = new StandardOutput(new FileOutputStream(FileDescriptor.out));
    // Whatever Spark prints goes there as well.
    System.setOut(output.printStream(System.out.charset()));
    int code = run(rest.subList(1, rest.size()), System.out, System.err);
    System.out.flush();
    @Nullable String failure = output.failure();
    if (failure != null) {
      System.err.println("asymml: standard output is incomplete: " + failure);
    }
    System.exit(failure == null ? code : Math.max(code, 1));
  }

  /// Trains.
  ///
  /// @return the exit code: 2 for wrong usage or settings, 1 for a failure
  static int run(List<String> args, PrintStream out, PrintStream err) {
    try {
      new Main(out, Arguments.parse(args)).train(args);
      return 0;
    } catch (IllegalArgumentException e) {
      err.println("asymml: " + SparkRun.line(e));
      return 2;
    } catch (DataException | IOException | TrainingException e) {
      err.println("asymml: " + SparkRun.line(e));
      return 1;
    } catch (LinkageError | Exception e) {
      @Nullable NativeLibraryException library = NativeLibraryException.behind(e);
      if (library != null) {
        err.println("asymml: " + SparkRun.line(library));
        return 1;
      }
      // Spark throws checked exceptions that it does not declare.
      if (!(e instanceof SparkThrowable)) {
        throw e;
      }
      err.println("asymml: Spark: " + SparkRun.line(e));
      return 1;
    }
  }

  private void train(List<String> args) throws DataException, IOException, TrainingException {
    @Nullable String resumed = arguments.own().get("resume");
    Settings given = new Settings(arguments.settings());
    Settings settings =
        resumed == null
            ? given
            : Settings.read(new RunLayout(Path.of(resumed)).config()).overriddenBy(given);
    SparkConf conf = conf();
    TrainingSpec spec = SparkRun.spec(settings, conf);
    requireEffect(given, spec);
    SparkRun.require(conf, spec);
    String directory = settings.text(Settings.OUT);
    int partitions = arguments.partitions();
    try (SparkSession session = SparkSession.builder().config(conf).getOrCreate()) {
      session.sparkContext().setLogLevel("ERROR");
      ImageRows rows =
          new ImageRows(session, spec.data().source(), partitions, spec.data().decoding().limits());
      SparkRun run =
          new SparkRun(new JavaSparkContext(session.sparkContext()), spec)
              .arguments(args)
              .listener(RunLines.to(out));
      TrainingResult result =
          run.train(
              spec.data().source(),
              rows.training(),
              rows.testing(),
              resumed != null ? Path.of(resumed) : directory.isEmpty() ? null : Path.of(directory),
              resumed != null,
              this::begun);
      finished(result, run.times());
    }
  }

  /// Refuses what is asked for on the command line and would be ignored, such as noise without
  /// DP-SGD.
  static void requireEffect(Settings given, TrainingSpec spec) {
    for (Map.Entry<String, String> setting : Settings.withoutEffect(spec).entrySet()) {
      if (given.values().containsKey(setting.getKey())) {
        throw new IllegalArgumentException(
            "--%s has no effect %s".formatted(setting.getKey(), setting.getValue()));
      }
    }
  }

  /// Spark's own settings, those of the command line, and what a run needs.
  private SparkConf conf() {
    SparkConf conf = new SparkConf();
    arguments.conf().forEach(conf::set);
    @Nullable String master = arguments.own().get("master");
    if (master != null) {
      conf.setMaster(master);
    }
    conf.setIfMissing("spark.master", DEFAULT_MASTER);
    conf.setIfMissing("spark.app.name", "asymml");
    conf.setIfMissing("spark.ui.enabled", "false");
    conf.setIfMissing("spark.ui.showConsoleProgress", "false");
    conf.setIfMissing("spark.io.encryption.enabled", "true");
    if (conf.get("spark.master").startsWith("local-cluster")) {
      local(conf);
    }
    return conf;
  }

  /// Executors on this machine: processes with this class path, and the options of this one.
  private static void local(SparkConf conf) {
    conf.setIfMissing("spark.executor.extraClassPath", classPath());
    conf.setIfMissing("spark.executor.extraJavaOptions", javaOptions());
    conf.setIfMissing("spark.authenticate", "true");
    byte[] secret = new byte[32];
    new SecureRandom().nextBytes(secret);
    conf.setIfMissing("spark.authenticate.secret", HexFormat.of().formatHex(secret));
    conf.setIfMissing("spark.network.crypto.enabled", "true");
    String[] parts = conf.get("spark.master").replaceAll("[^0-9,]", "").split(",", -1);
    conf.setIfMissing("spark.executor.memory", parts[parts.length - 1] + "m");
  }

  /// Executors have working directories of their own.
  private static String classPath() {
    return Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator, -1))
        .map(entry -> Path.of(entry).toAbsolutePath().toString())
        .collect(Collectors.joining(File.pathSeparator));
  }

  /// What executors need of Java beside what Spark gives them.
  static String javaOptions() {
    return "-XX:+UseSerialGC -XX:-CreateCoredumpOnCrash --add-modules=jdk.incubator.vector"
        + " --enable-native-access=ALL-UNNAMED --sun-misc-unsafe-memory-access=allow"
        + " -Dorg.bytedeco.javacpp.maxBytes=0 -Dorg.bytedeco.javacpp.maxPhysicalBytes=0";
  }

  private void begun(ResolvedRun run, int partitions, long shared) {
    out.println("data     " + run.describeData());
    if (shared > 0) {
      out.println(
          "         WARNING: %s of the test images are among the training images too"
              .formatted(shared));
    }
    out.println(
        "model    %s, %s norm; batches of %s in %s partitions"
            .formatted(
                run.spec().training().model().name(),
                run.spec().training().norm().name().toLowerCase(Locale.ROOT),
                run.spec().training().privacy().dpSgd() == null
                    ? run.spec().training().batchSize()
                    : run.spec().training().privacy().dpSgd().logicalBatchSize(),
                partitions));
    out.flush();
  }

  private void finished(TrainingResult result, String times) {
    out.println();
    out.println(
        switch (result.outcome()) {
          case FINISHED -> "done";
          case BUDGET_SPENT -> "the privacy budget is spent";
          case STOPPED, EARLY_STOPPED -> "stopped";
        });
    result.privacy().forEach(line -> out.println("privacy  " + line));
    if (!times.isEmpty()) {
      out.println("time     " + times);
    }
    out.println("the run is in " + result.layout().directory());
    out.flush();
  }
}
