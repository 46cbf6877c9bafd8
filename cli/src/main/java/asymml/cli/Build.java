package asymml.cli;

import asymml.kernels.Kernels;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Properties;
import picocli.CommandLine.IVersionProvider;

/// Which build of the program this is, and how the user calls it.
final class Build implements IVersionProvider {
  private static final String COMMAND_PROPERTY = "asymml.command";

  /// The version of this program.
  static String version() {
    Properties build = new Properties();
    try (InputStream in = Build.class.getResourceAsStream("build.properties")) {
      if (in == null) {
        throw new IllegalStateException("the build left out build.properties");
      }
      build.load(in);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read build.properties", e);
    }
    return build.getProperty("version");
  }

  /// How the user started this program, as a word of a shell, for commands to copy.
  static String command() {
    return ShellWord.of(System.getProperty(COMMAND_PROPERTY, "asymml"));
  }

  @Override
  public String[] getVersion() {
    return new String[] {
      "asymml " + version(), "Java " + Runtime.version() + ", oneDNN " + Kernels.version()
    };
  }
}
