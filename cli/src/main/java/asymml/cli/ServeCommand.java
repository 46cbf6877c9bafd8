package asymml.cli;

import asymml.cli.options.RunOptions;
import asymml.cli.options.ServeOptions;
import asymml.cli.options.SettingFlags;
import asymml.cli.options.ThreadOptions;
import asymml.cli.options.WorkerRecord;
import asymml.cli.terminal.DataOpening;
import asymml.cli.terminal.StopSignals;
import asymml.serve.ModelServer;
import asymml.serve.ServeSpec;
import asymml.serve.ServedModel;
import asymml.session.InferenceSession;
import asymml.session.InferenceSpec;
import asymml.session.InvalidSpecException;
import asymml.session.RunRecord;
import asymml.session.TrainedRun;
import asymml.trusted.data.DataException;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// `asymml serve`.
@Command(
    name = "serve",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    defaultValueProvider = SettingFlags.InferenceDefaults.class,
    description = {
      "Answers HTTP requests with the classes of images, wholly on the trusted side, where nothing"
          + " is released, or with --worker together with an untrusted worker.",
      "POST /classify takes a JPEG or PNG file as 'predict' does; /v2 is the Open Inference"
          + " Protocol v2 (REST); /metrics is for Prometheus. SIGINT and SIGTERM end it once the"
          + " requests that have come are answered."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  asymml serve --run runs/mine",
      "    curl --data-binary @cat.jpg -H 'Content-Type: image/jpeg' http://127.0.0.1:8080/classify",
      "    curl http://127.0.0.1:8080/v2/models/cnn",
      "  To other machines, which prove who they are:",
      "    asymml serve --run runs/mine --listen 0.0.0.0:8443 --https-certificate server.pem"
          + " --https-key server.key --https-clients clients.pem",
      "  Together with a worker:",
      "    asymml serve --run runs/mine --worker local --noise-ratio 0.1"
    })
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
final class ServeCommand implements Callable<Integer> {
  private static final int BATCH = 8;

  @Spec private CommandSpec spec;

  @Mixin private RunOptions runOptions;

  @Option(
      names = "--name",
      paramLabel = "NAME",
      description = "The model's name in URLs (default: that of its architecture).")
  private @Nullable String name;

  @Mixin private ServeOptions serving;

  @Option(
      names = "--batch-size",
      paramLabel = "N",
      description = "With --worker: images at a time (default: 8).")
  private @Nullable Integer batchSize;

  @Mixin private ThreadOptions threads;

  @SuppressWarnings("UnusedVariable") // picocli reads it
  @Mixin
  private final CommandSpec flags = SettingFlags.inferenceMixin();

  @Mixin private WorkerRecord workerRecord;

  @Override
  public Integer call() throws DataException, IOException {
    threads.apply();
    @Nullable InferenceSpec split =
        InferenceFlags.spec(spec, batchSize, BATCH, threads.number(), workerRecord);
    try {
      ServeSpec where = serving.spec(split != null);
      try (TrainedRun run = runOptions.open();
          @Nullable InferenceSession session = open(run, split)) {
        String called = name == null ? run.model().graph().name() : name;
        return serve(new ServedModel(called, run, session), run.modelStatement(), where, session);
      }
    } catch (IllegalArgumentException e) {
      throw e instanceof InvalidSpecException invalid
          ? UsageErrors.of(spec, invalid)
          : new ParameterException(spec.commandLine(), e.getMessage(), e);
    }
  }

  private @Nullable InferenceSession open(TrainedRun run, @Nullable InferenceSpec split)
      throws DataException, IOException {
    PrintWriter out = spec.commandLine().getOut();
    if (split != null) {
      return InferenceFlags.open(spec, run, split, DataOpening.reporter(out));
    }
    out.println("worker   none: all is computed here, and nothing is released to a worker");
    out.println(
        "trusted  this process, %s threads; %s"
            .formatted(threads.number(), RunRecord.NOT_PROTECTED));
    return null;
  }

  private int serve(
      ServedModel model, String modelStatement, ServeSpec where, @Nullable InferenceSession session)
      throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    PrintWriter err = spec.commandLine().getErr();
    int code = ExitCode.OK;
    try (ModelServer server = ModelServer.open(model, where);
        StopSignals signals =
            new StopSignals(err, "stopping when all requests are answered", server::stop)) {
      out.println(
          "clients  "
              + (where.https() == null
                  ? "all who reach the address, without TLS"
                  : where.https().clients() == null
                      ? "all who reach the address, by TLS"
                      : "those whose certificates are known, by TLS"));
      out.println("privacy  training images, against clients: " + modelStatement);
      out.println(
          "serving  %s://%s:%s/v2/models/%s and /classify: %s images, %s classes"
              .formatted(
                  where.https() == null ? "http" : "https",
                  where.host(),
                  server.port(),
                  model.name(),
                  model.input(),
                  model.classNames().size()));
      out.flush();
      server.serve();
      if (signals.received()) {
        code = signals.exitCode();
      }
    } finally {
      if (session != null) {
        InferenceFlags.printStatement(session, out);
      }
    }
    return code;
  }
}
