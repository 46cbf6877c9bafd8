package asymml.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.OutputStream;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The command as a process of its own.
class MainTest {
  @TempDir private Path directory;

  private record Ended(int code, List<String> errors) {}

  private Path images() throws Exception {
    Path file = directory.resolve("images.zip");
    try (OutputStream out = Files.newOutputStream(file);
        ZipOutputStream zip = new ZipOutputStream(out)) {
      for (int i = 0; i < 12; i++) {
        zip.putNextEntry(
            new ZipEntry("%s/%s/%s.png".formatted(i < 8 ? "train" : "test", i % 2, i)));
        BufferedImage image = new BufferedImage(8, 8, BufferedImage.TYPE_INT_RGB);
        image.setRGB(i % 8, 3, 0xFFFFFF);
        ByteArrayOutputStream png = new ByteArrayOutputStream();
        ImageIO.write(image, "png", png);
        zip.write(png.toByteArray());
      }
    }
    return file;
  }

  /// Trains an epoch.
  ///
  /// @param out standard output
  /// @param property of Java
  private Ended train(File out, String property) throws Exception {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"));
    ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
        .filter(option -> option.startsWith("--"))
        .forEach(command::add);
    command.addAll(
        List.of(property, "-cp", System.getProperty("java.class.path"), Main.class.getName()));
    command.addAll(
        List.of("train", "--master", "local[1]", "--model", "cnn", "--epochs", "1", "--out"));
    command.addAll(List.of(directory.resolve("run").toString(), "--data", images().toString()));
    Path errors = directory.resolve("errors");
    Process process =
        new ProcessBuilder(command).redirectOutput(out).redirectError(errors.toFile()).start();
    try {
      int code = process.waitFor();
      return new Ended(
          code, Files.readAllLines(errors).stream().filter(l -> l.startsWith("asymml: ")).toList());
    } finally {
      process.destroyForcibly();
    }
  }

  @Test
  void output_that_is_lost_is_a_failure_and_the_run_is_saved() throws Exception {
    Ended ended = train(new File("/dev/full"), "-Dx=y");
    assertThat(ended.errors())
        .containsExactly("asymml: standard output is incomplete: No space left on device");
    assertThat(ended.code()).isEqualTo(1);
    assertThat(directory.resolve("run/checkpoint.safetensors")).exists();
  }

  @Test
  void native_libraries_that_cannot_be_loaded_are_a_line() throws Exception {
    Ended ended =
        train(directory.resolve("out").toFile(), "-Dorg.bytedeco.javacpp.platform=linux-none");
    assertThat(ended.errors()).hasSize(1);
    assertThat(ended.errors().getFirst())
        .startsWith("asymml: native libraries cannot be loaded from ");
    assertThat(ended.code()).isEqualTo(1);
  }
}
