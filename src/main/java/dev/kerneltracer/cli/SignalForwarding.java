package dev.kerneltracer.cli;

import java.io.IOException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// While a user's program runs in our place, the signals that we are sent go to it, and we stay
/// until it has ended. What a terminal sends to everything in its foreground has reached the
/// program already and is not sent twice.
///
/// The JDK's only way to hear a signal is `sun.misc.Signal`. It is called by its name, since javac
/// warns of each mention of it and nothing suppresses that.
final class SignalForwarding implements AutoCloseable {
  private static final int TERM = 15;

  /// By their numbers on Linux.
  private static final Map<String, Integer> SIGNALS = Map.of("HUP", 1, "INT", 2, "TERM", TERM);

  private final Map<Object, Object> earlier = new LinkedHashMap<>();
  private final List<Integer> early = new ArrayList<>();
  private @Nullable Process program;

  private SignalForwarding() {}

  /// Begins to hear signals, before there is a program: between its start and ours to hear them
  /// none may be lost.
  static SignalForwarding begin() {
    SignalForwarding forwarding = new SignalForwarding();
    SIGNALS.forEach((name, number) ->
        forwarding.hear(
            name,
            (_, method, arguments) -> {
              switch (method.getName()) {
                case "handle" -> forwarding.heard(number);
                case "hashCode" -> {
                  return number;
                }
                case "equals" -> {
                  return arguments[0] instanceof Integer other && other.equals(number);
                }
                default -> {
                  return name;
                }
              }
              return null;
            }));
    return forwarding;
  }

  /// Names the program that signals go to, and sends those that came before.
  synchronized void to(Process started) {
    program = started;
    early.forEach(signal -> forward(signal, started));
    early.clear();
  }

  private synchronized void heard(int signal) {
    Process known = program;
    if (known == null) {
      early.add(signal);
    } else {
      forward(signal, known);
    }
  }

  private void hear(String name, InvocationHandler action) {
    try {
      Class<?> type = Class.forName("sun.misc.SignalHandler");
      Object signal =
          Class.forName("sun.misc.Signal").getConstructor(String.class).newInstance(name);
      Object handler = Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, action);
      earlier.put(signal, install(signal, handler));
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
  }

  private static Object install(Object signal, Object handler) throws ReflectiveOperationException {
    Class<?> type = Class.forName("sun.misc.SignalHandler");
    return signal
        .getClass()
        .getMethod("handle", signal.getClass(), type)
        .invoke(null, signal, handler);
  }

  @Override
  public void close() {
    earlier.forEach((signal, handler) -> {
      try {
        install(signal, handler);
      } catch (ReflectiveOperationException e) {
        throw new IllegalStateException(e);
      }
    });
  }

  private static void forward(int signal, Process program) {
    boolean fromTerminal = signal != TERM && inForeground();
    if (!fromTerminal && program.isAlive()) {
      kill(program.pid(), signal);
    }
  }

  /// Whether this process group is the one that a terminal's keys reach.
  private static boolean inForeground() {
    try {
      String stat = Files.readString(Path.of("/proc/self/stat"), StandardCharsets.ISO_8859_1);
      // state ppid pgrp session tty_nr tpgid …: proc(5); the name before may hold anything.
      String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
      return !fields[4].equals("0") && fields[2].equals(fields[5]);
    } catch (IOException e) {
      return false;
    }
  }

  @SuppressWarnings("restricted")
  private static void kill(long pid, int signal) {
    try {
      Linker linker = Linker.nativeLinker();
      MethodHandle kill =
          linker.downcallHandle(
              linker.defaultLookup().findOrThrow("kill"),
              FunctionDescriptor.of(
                  ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
      int result = (int) kill.invokeExact((int) pid, signal);
      if (result != 0) {
        System.err.println("kerneltracer: the program could not be sent signal " + signal);
      }
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }
}
