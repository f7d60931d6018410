package dev.kerneltracer.python;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;

/// The line to a supervisor: it tells events by it, and ends its target when a word comes or when
/// the line is cut, as it is when this process dies.
sealed interface SupervisorLine {
  InputStream events();

  /// Asks for the end of the target.
  void stop();

  /// Ends the line, and the supervisor itself where that is in our power.
  void cut();

  /// To a supervisor that was started anew.
  record Pipes(Process supervisor) implements SupervisorLine {
    @Override
    public InputStream events() {
      return supervisor.getInputStream();
    }

    @Override
    public void stop() {
      try {
        OutputStream in = supervisor.getOutputStream();
        in.write("stop\n".getBytes(StandardCharsets.UTF_8));
        in.flush();
      } catch (IOException e) {
        // The supervisor has ended: its last event tells.
      }
    }

    @Override
    public void cut() {
      supervisor.destroyForcibly();
    }
  }

  /// To a supervisor that a warm parent forked.
  record Socket(SocketChannel channel) implements SupervisorLine {
    @Override
    public InputStream events() {
      return Channels.newInputStream(channel);
    }

    @Override
    public void stop() {
      try {
        channel.write(ByteBuffer.wrap("stop\n".getBytes(StandardCharsets.UTF_8)));
      } catch (IOException e) {
        // The supervisor has ended, or is told the same by the end of the line.
      }
    }

    @Override
    public void cut() {
      try {
        channel.close();
      } catch (IOException e) {
        // Closed is closed.
      }
    }
  }
}
