package asymml.verify.violations.trusted.data;

import asymml.verify.violations.untrusted.Gpu;
import java.io.IOException;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.nio.channels.SocketChannel;

/// What must not happen where data are read.
final class Breaches {
  private Breaches() {}

  static final class LinksTheWorker {
    Gpu gpu = new Gpu();
  }

  static final class OpensASocket {
    void send() throws IOException {
      new Socket("localhost", 1).close();
    }
  }

  static final class OpensAChannel {
    void send() throws IOException {
      SocketChannel.open().close();
    }
  }

  static final class OpensAUrl {
    void send() throws IOException {
      URI.create("https://example.invalid/").toURL().openStream().close();
    }
  }

  static final class UsesHttp {
    void send() {
      HttpClient.newHttpClient().close();
    }
  }

  static final class ServesHttp {
    org.eclipse.jetty.server.Server server() {
      return new org.eclipse.jetty.server.Server();
    }
  }

  static final class StartsAProcess {
    void send() throws IOException {
      new ProcessBuilder("true").start().destroy();
    }
  }

  static final class ExecutesACommand {
    void send() throws IOException {
      Runtime.getRuntime().exec(new String[] {"true"}).destroy();
    }
  }
}
