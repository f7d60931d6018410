package dev.kerneltracer.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kerneltracer.python.RealPython;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/// Real processes on a real pseudo terminal, which Python's `pty` opens.
class TerminalTest {
  private static final String ON_A_TERMINAL_OF_57_COLUMNS =
      """
      import fcntl, os, pty, struct, sys, termios
      pid, terminal = pty.fork()
      if pid == 0:
          fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 57, 0, 0))
          os.execv(sys.argv[1], sys.argv[1:])
      try:
          while data := os.read(terminal, 1024):
              sys.stdout.write(data.decode())
      except OSError:
          pass
      """;

  /// The process that is asked.
  static final class Describe {
    private Describe() {}

    public static void main(String[] arguments) {
      Terminal terminal = Terminal.stdout();
      System.out.println(
          terminal.isTerminal() + " " + terminal.width() + " " + terminal.hasColour());
    }
  }

  @Test
  void aTerminalHasItsWindowsWidthAndColour() throws IOException {
    assertThat(onATerminal(Map.of("TERM", "xterm"))).isEqualTo("true 57 true");
    assertThat(onATerminal(Map.of("TERM", "xterm", "NO_COLOR", "1", "COLUMNS", "100")))
        .isEqualTo("true 100 false");
  }

  @Test
  void aPipeIsNoTerminalAndHasNoWidth() throws IOException {
    assertThat(output(describe(), Map.of("TERM", "xterm")))
        .isEqualTo("false " + Integer.MAX_VALUE + " false");
  }

  private static String onATerminal(Map<String, String> environment) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(RealPython.any().executable().toString());
    command.addAll(List.of("-c", ON_A_TERMINAL_OF_57_COLUMNS));
    command.addAll(describe());
    return output(command, environment);
  }

  private static List<String> describe() {
    return List.of(
        Path.of(System.getProperty("java.home"), "bin/java").toString(),
        "-XX:+UseSerialGC",
        "--enable-native-access=ALL-UNNAMED",
        "-cp",
        System.getProperty("java.class.path"),
        Describe.class.getName());
  }

  private static String output(List<String> command, Map<String, String> environment)
      throws IOException {
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().clear();
    builder.environment().putAll(environment);
    builder.redirectError(ProcessBuilder.Redirect.DISCARD);
    Process process = builder.start();
    return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
  }
}
