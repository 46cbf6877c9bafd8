package asymml.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class StandardOutputTest {
  private static OutputStream failing(String reason) {
    return new OutputStream() {
      @Override
      public void write(int value) throws IOException {
        throw new IOException(reason);
      }
    };
  }

  @Test
  void what_is_printed_is_written() {
    ByteArrayOutputStream written = new ByteArrayOutputStream();
    StandardOutput output = new StandardOutput(written);
    PrintStream stream = output.printStream(StandardCharsets.UTF_8);
    stream.print("ε = 8");
    stream.flush();
    assertThat(written.toString(StandardCharsets.UTF_8)).isEqualTo("ε = 8");
    assertThat(output.failure()).isNull();
  }

  @Test
  void a_full_disk_is_remembered() {
    StandardOutput output = new StandardOutput(failing("No space left on device"));
    PrintStream stream = output.printStream(StandardCharsets.UTF_8);
    stream.println("lost");
    stream.println("lost, too");
    assertThat(output.failure()).isEqualTo("No space left on device");
  }

  @Test
  void a_reader_that_has_seen_enough_is_no_failure() {
    StandardOutput output = new StandardOutput(failing("Broken pipe"));
    output.printStream(StandardCharsets.UTF_8).println("to head -1");
    assertThat(output.failure()).isNull();
  }
}
