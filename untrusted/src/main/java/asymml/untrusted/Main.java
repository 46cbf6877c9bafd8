package asymml.untrusted;

import asymml.kernels.Kernels;
import asymml.kernels.MemoryBudget;
import asymml.kernels.NativeLibraryException;
import asymml.kernels.ProcessorTime;
import asymml.wire.Deadline;
import asymml.wire.Link;
import asymml.wire.Message;
import asymml.wire.ProtocolException;
import asymml.wire.TlsTransport;
import asymml.wire.Transport;
import asymml.wire.UnixTransport;
import asymml.wire.WorkerAddress;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.Callable;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// The worker process: `asymml worker`. Trust level: UNTRUSTED.
@Command(
    name = "asymml worker",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    version = "asymml worker, protocol " + Message.PROTOCOL_VERSION,
    description = {
      "Computes convolutions for one trainer and exits when it disconnects.",
      "UNTRUSTED: this process receives only what the trainer's release door releases."
    },
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "0:the trainer disconnected, or the self-test passed",
      "1:failure, one line on stderr says which; or the self-test failed",
      "2:wrong usage"
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  A worker on this machine, and the trainer that uses it:",
      "    asymml worker --listen unix:/tmp/w.sock --threads 4",
      "    asymml train --worker unix:/tmp/w.sock",
      "  A worker that computes on an NVIDIA GPU, and its self-test:",
      "    asymml worker --listen unix:/tmp/w.sock --device cuda:0",
      "    asymml worker --self-test --device cuda:0",
      "  A worker on another machine, with a certificate of its own:",
      "    keytool -genkeypair -keyalg EC -dname CN=worker -storetype PKCS12 -keystore w.p12",
      "    asymml worker --listen tls:0.0.0.0:4433 --tls-keystore w.p12 --tls-password-file pw"
    })
public final class Main implements Callable<Integer> {
  @Spec private @Nullable CommandSpec spec;

  @Option(
      names = "--listen",
      paramLabel = "ADDRESS",
      converter = AddressConverter.class,
      description = {
        "unix:PATH (tensors in shared memory) or tls:HOST:PORT (tensors in the stream; port 0: any"
            + " free one)."
      })
  private @Nullable WorkerAddress address;

  @Option(
      names = "--device",
      paramLabel = "DEVICE",
      defaultValue = "cpu",
      converter = DeviceConverter.class,
      description = "What computes: cpu or cuda:N (default: cpu).")
  private Device device = new Device.Cpu();

  @Option(
      names = "--precision",
      paramLabel = "P",
      converter = PrecisionConverter.class,
      description = {
        "Arithmetic: fp32, tf32 or bf16 on cuda (default: tf32), fp32 on cpu. Sums are float32 in"
            + " all of them."
      })
  private @Nullable Precision precision;

  @Option(
      names = "--cuda-libs",
      paramLabel = "DIR",
      description = {
        "Where CUDA 13 and cuDNN 9 lie: a folder with the libraries, or a Python environment or its"
            + " site-packages (default: looks in the usual folders and environments)."
      })
  private @Nullable Path cudaLibraries;

  @Option(
      names = "--self-test",
      description = {
        "Run every operation, compare with what is right, print errors and rates, and exit."
      })
  private boolean selfTest;

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Threads that compute on the cpu (default: one per processor).")
  private @Nullable Integer threads;

  @Option(
      names = "--tls-keystore",
      paramLabel = "FILE",
      description = "PKCS12 file with this worker's certificate and key; needed with tls:.")
  private @Nullable Path keystore;

  @Option(
      names = "--tls-password-file",
      paramLabel = "FILE",
      description = "File whose first line is the keystore's password; needed with tls:.")
  private @Nullable Path passwordFile;

  @Option(
      names = "--tls-clients",
      paramLabel = "FILE",
      description = {
        "X.509 certificates, PEM or DER: only a trainer that proves to hold the key of one of them"
            + " can connect (default: whoever reaches the port)."
      })
  private @Nullable Path clients;

  @Option(
      names = "--tls-allow-expired",
      description =
          "Use certificates, this worker's own and those of --tls-clients, that are expired or not"
              + " yet valid (default: refuse them).")
  private boolean allowExpired;

  @Option(
      names = "--accept-seconds",
      paramLabel = "N",
      description = "Exit if no trainer has connected after this time (default: wait for ever).")
  private @Nullable Integer acceptSeconds;

  @Option(
      names = "--until-stdin-ends",
      description = {
        "Exit if standard input ends before a trainer has connected: the process that started this"
            + " one, and holds the other end, is gone. With unix:PATH."
      })
  private boolean untilStdinEnds;

  @Mixin private MemoryOptions memory = new MemoryOptions();

  @Mixin private RecordOptions record = new RecordOptions();

  @Option(names = "--debug", description = "Show where a failure came from.")
  private boolean debug;

  private Main() {}

  /// Runs the worker and exits with its exit code.
  ///
  /// @param args as `--help` says
  public static void main(String[] args) {
    // Our own texts do not depend on it; this is for the digits and line breaks of libraries.
    Locale.setDefault(Locale.ROOT);
    System.exit(commandLine().execute(args));
  }

  static CommandLine commandLine() {
    Main main = new Main();
    return new CommandLine(main)
        .setUsageHelpWidth(100)
        .setParameterExceptionHandler((e, _) -> {
          e.getCommandLine()
              .getErr()
              .println("asymml worker: " + e.getMessage() + " (see 'asymml worker --help')");
          return CommandLine.ExitCode.USAGE;
        })
        .setExecutionExceptionHandler((e, line, _) -> {
          line.getErr().println("asymml worker: " + e.getMessage());
          if (main.debug) {
            e.printStackTrace(line.getErr());
          }
          return CommandLine.ExitCode.SOFTWARE;
        });
  }

  @Override
  public Integer call() throws ProtocolException, InterruptedException {
    checkUsage();
    try {
      // The first use of the kernels, which loads native libraries.
      if (threads != null) {
        Kernels.setThreads(threads);
      }
      MemoryBudget budget = memory.budget();
      try (Backend backend = selfTest ? backend(budget) : record.around(backend(budget))) {
        return selfTest ? selfTest(backend) : serve(backend, budget);
      }
    } catch (LinkageError e) {
      @Nullable NativeLibraryException library = NativeLibraryException.behind(e);
      if (library != null) {
        throw library;
      }
      throw e;
    }
  }

  private int serve(Backend backend, MemoryBudget budget)
      throws ProtocolException, InterruptedException {
    // The caller of the process reads the ready line; everything else goes to stderr.
    try (Link link = new Link(accept(commandLine(spec).getOut(), backend))) {
      System.err.println("asymml worker: a trainer connected");
      new Session(link, backend, budget, ProcessorTime::nanos).run();
      System.err.println("asymml worker: the trainer is done");
    } catch (ProtocolException e) {
      if (e.reason() != ProtocolException.Reason.CLOSED) {
        throw e;
      }
      System.err.println("asymml worker: the trainer went away (" + e.getMessage() + ")");
    }
    return CommandLine.ExitCode.OK;
  }

  private int selfTest(Backend backend) {
    boolean passed =
        switch (device) {
          case Device.Cpu _, Device.Emulated _ -> selfTest(backend, new Definition(), false);
          case Device.Cuda _ -> {
            try (Backend cpu = new CpuBackend(MemoryBudget.unlimited())) {
              yield selfTest(backend, Reference.of(cpu), true);
            }
          }
        };
    return passed ? CommandLine.ExitCode.OK : CommandLine.ExitCode.SOFTWARE;
  }

  private boolean selfTest(Backend backend, Reference reference, boolean copies) {
    PrintWriter out = commandLine(spec).getOut();
    return new SelfTest(backend, usedPrecision(), reference, out, System::nanoTime).run(copies);
  }

  private Precision usedPrecision() {
    return precision == null ? device.defaultPrecision() : precision;
  }

  private Backend backend(MemoryBudget budget) {
    return switch (device) {
      case Device.Cpu _ -> new CpuBackend(budget);
      case Device.Emulated emulated -> new EmulatedBackend(emulated, System::nanoTime);
      case Device.Cuda gpu -> cudaBackend(gpu);
    };
  }

  // The only way to the CUDA classes: nothing of them is loaded before.
  private Backend cudaBackend(Device.Cuda gpu) {
    try {
      return CudaBackend.open(gpu, usedPrecision(), cudaLibraries);
    } catch (NoClassDefFoundError e) {
      throw new DeviceException(
          "the CUDA bindings are not among the modules of this process: start it with './asymml"
              + " worker', which adds them",
          e);
    }
  }

  private void checkUsage() {
    if (threads != null && threads < 1) {
      throw usage("--threads must be at least 1: " + threads);
    }
    if (acceptSeconds != null && acceptSeconds < 1) {
      throw usage("--accept-seconds must be at least 1: " + acceptSeconds);
    }
    @Nullable String memoryComplaint = memory.complaint();
    if (memoryComplaint != null) {
      throw usage(memoryComplaint);
    }
    if (selfTest == (address != null)) {
      throw usage("give one of --listen ADDRESS and --self-test");
    }
    if (selfTest && record.asked()) {
      throw usage("--record goes with --listen ADDRESS: a self-test sees no view to record");
    }
    if (untilStdinEnds && !(address instanceof WorkerAddress.Unix)) {
      throw usage("--until-stdin-ends goes with --listen unix:PATH");
    }
    if (!device.offers(usedPrecision())) {
      throw usage(
          "--precision %s is not offered by --device %s, which computes in fp32"
              .formatted(usedPrecision(), device));
    }
    if (cudaLibraries != null && !(device instanceof Device.Cuda)) {
      throw usage("--cuda-libs goes with --device cuda:N");
    }
    boolean tls = address instanceof WorkerAddress.Tls;
    if (tls != (keystore != null) || tls != (passwordFile != null)) {
      throw usage("--tls-keystore and --tls-password-file go with --listen tls:HOST:PORT");
    }
    if (allowExpired && !tls) {
      throw usage("--tls-allow-expired goes with --listen tls:HOST:PORT");
    }
    if (clients != null && !tls) {
      throw usage("--tls-clients goes with --listen tls:HOST:PORT");
    }
  }

  private CommandLine.ParameterException usage(String message) {
    return new CommandLine.ParameterException(commandLine(spec), message);
  }

  private static CommandLine commandLine(@Nullable CommandSpec spec) {
    if (spec == null) {
      throw new IllegalStateException("not run by picocli");
    }
    return spec.commandLine();
  }

  private Transport accept(PrintWriter ready, Backend backend) throws ProtocolException {
    Deadline deadline =
        acceptSeconds == null ? Deadline.NEVER : Deadline.in(Duration.ofSeconds(acceptSeconds));
    return switch (address) {
      case WorkerAddress.Unix(Path path) ->
          UnixTransport.accept(
              path,
              deadline,
              (Runnable stop) -> {
                announce(ready, new WorkerAddress.Unix(path), backend);
                if (untilStdinEnds) {
                  Thread.ofPlatform().daemon().name("stdin").start(() -> awaitStdin(stop));
                }
              });
      case WorkerAddress.Tls tls -> {
        if (keystore == null || passwordFile == null) {
          throw new IllegalStateException("usage was not checked");
        }
        SSLContext identity =
            TlsIdentity.load(keystore, passwordFile, clients, allowExpired, Clock.systemUTC());
        yield TlsTransport.accept(
            tls,
            identity,
            clients == null ? TlsTransport.Clients.ANY : TlsTransport.Clients.TRUSTED,
            deadline,
            port -> announce(ready, new WorkerAddress.Tls(tls.host(), port), backend),
            line -> System.err.println("asymml worker: " + line));
      }
      case null -> throw new IllegalStateException("not run by picocli");
    };
  }

  private static void awaitStdin(Runnable ended) {
    try {
      System.in.transferTo(OutputStream.nullOutputStream());
    } catch (IOException e) {
      // Nobody can write there any more: ended as well.
    }
    ended.run();
  }

  private static void announce(PrintWriter ready, WorkerAddress where, Backend backend) {
    ready.println(
        "worker listening on "
            + where
            + ", backend "
            + backend.name()
            + ", "
            + backend.precision()
            + ", UNTRUSTED: receives what the release door releases");
    ready.flush();
  }

  /// Reads `--listen`.
  static final class AddressConverter implements CommandLine.ITypeConverter<WorkerAddress> {
    AddressConverter() {}

    @Override
    public WorkerAddress convert(String text) {
      try {
        return WorkerAddress.parse(text);
      } catch (IllegalArgumentException e) {
        throw new CommandLine.TypeConversionException(e.getMessage());
      }
    }
  }

  /// Reads `--device`.
  static final class DeviceConverter implements CommandLine.ITypeConverter<Device> {
    DeviceConverter() {}

    @Override
    public Device convert(String text) {
      try {
        return Device.parse(text);
      } catch (IllegalArgumentException e) {
        throw new CommandLine.TypeConversionException(e.getMessage());
      }
    }
  }

  /// Reads `--precision`.
  static final class PrecisionConverter implements CommandLine.ITypeConverter<Precision> {
    PrecisionConverter() {}

    @Override
    public Precision convert(String text) {
      try {
        return Precision.parse(text);
      } catch (IllegalArgumentException e) {
        throw new CommandLine.TypeConversionException(e.getMessage());
      }
    }
  }
}
