package dev.kerneltracer.cli;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.UnmatchedArgumentException;

/// The program. Everything a user can act on ends here as one or two lines and an exit code.
@Command(
    name = "kerneltracer",
    description = "From a model's name to every operator and kernel it runs, and what each costs.",
    synopsisSubcommandLabel = "COMMAND",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    optionListHeading = "%nOptions:%n",
    commandListHeading = "%nCommands:%n",
    footerHeading = "%nExamples:%n",
    footer = {
      "  kerneltracer trace --model type:qwen3 --tiny",
      "  kerneltracer analyze trace.json.gz --output-dir tables",
      "  kerneltracer watch -- vllm serve Qwen/Qwen3-0.6B",
      "  kerneltracer load --url http://localhost:8000 --rate 25 --duration 60",
      "  kerneltracer sweep decode --model Qwen/Qwen3-0.6B --batch 1,3,8..256",
      "  kerneltracer models download Qwen/Qwen3-0.6B",
      "  kerneltracer env doctor",
      "",
      "Exit codes: 0 all good, 1 some jobs failed, 2 usage, 3 environment (no Python,",
      "no torch, no GPU), 4 input unreadable, 130 interrupted."
    })
public final class Main {
  /// How long an interrupted run may take to stop its processes and write its status.
  private static final long STOP_SECONDS = 20;

  @Option(
      names = "--debug",
      scope = ScopeType.INHERIT,
      hidden = true,
      description = "Print the stack trace of an error.")
  private boolean debug;

  private Main() {}

  public static void main(String[] args) {
    CountDownLatch ended = stopOnSignal(Thread.currentThread());
    int exitCode = run(args);
    if (exitCode != ExitCode.INTERRUPTED.code()) {
      FastStart.trainIfAsked();
    }
    if (System.out.checkError() && exitCode == ExitCode.OK.code()) {
      // A full disk, or a reader that has seen enough: either way not all of it was written.
      exitCode = ExitCode.JOBS_FAILED.code();
    }
    System.err.flush();
    ended.countDown();
    System.exit(exitCode);
  }

  /// Runs one command line and returns its exit code.
  static int run(String... args) {
    Main main = new Main();
    try {
      CommandLine commandLine = main.commandLine(args);
      return commandLine.execute(main.withConfiguration(args, commandLine));
    } catch (UserException e) {
      return main.tell(e);
    } catch (OutOfMemoryError e) {
      System.err.println("kerneltracer: this takes more memory than it was given");
      System.err.println("Give more: KERNELTRACER_HEAP=8g, or --memory 8g where there is one.");
      return ExitCode.INPUT_UNREADABLE.code();
    }
  }

  /// The words of the file that `--config` names among the others.
  private String[] withConfiguration(String[] args, CommandLine commandLine) {
    CommandLine named = args.length == 0 ? null : commandLine.getSubcommands().get(args[0]);
    if (named == null || !(named.getCommand() instanceof TraceCommand trace)) {
      return args;
    }
    try {
      return trace.config().expand(args, () -> new Main().commandLine(args));
    } catch (ParameterException e) {
      return args; // wrong without the file already: told as ever
    }
  }

  /// A command that is named is built alone, since that takes a tenth of a second for all of them.
  private CommandLine commandLine(String[] args) {
    CommandLine commandLine = new CommandLine(this);
    Map<String, Supplier<Object>> commands = commands();
    String named = args.length == 0 || args[0].equals("completion") ? "" : args[0];
    commands.forEach((name, command) -> {
      if (name.equals(named) || !commands.containsKey(named)) {
        commandLine.addSubcommand(name, command.get());
      }
    });
    commandLine.setExecutionExceptionHandler((exception, _, _) ->
        switch (exception) {
          case UserException e -> tell(e);
          case InterruptedException _ -> ExitCode.INTERRUPTED.code();
          default -> throw exception;
        });
    commandLine.setParameterExceptionHandler(Main::explain);
    commandLine.setCaseInsensitiveEnumValuesAllowed(true);
    commandLine.setAbbreviatedOptionsAllowed(false);
    // The last one wins, as in any script that adds "$@"; picocli would warn.
    commandLine.setOverwrittenOptionsAllowed(true);
    CommandLine watch = commandLine.getSubcommands().get("watch");
    if (watch != null) {
      // What follows the command's first word is the command's own.
      watch.setStopAtPositional(true);
    }
    CommandLine.tracer().setLevel(CommandLine.TraceLevel.OFF);
    boolean colour = Terminal.stdout().hasColour();
    commandLine.setColorScheme(
        CommandLine.Help.defaultColorScheme(
            colour ? CommandLine.Help.Ansi.ON : CommandLine.Help.Ansi.OFF));
    return commandLine;
  }

  private static Map<String, Supplier<Object>> commands() {
    Map<String, Supplier<Object>> commands = new LinkedHashMap<>();
    commands.put("trace", TraceCommand::new);
    commands.put("analyze", AnalyzeCommand::new);
    commands.put("profile", ProfileCommand::new);
    commands.put("watch", WatchCommand::new);
    commands.put("load", LoadCommand::new);
    commands.put("sweep", SweepCommand::new);
    commands.put("models", ModelsCommand::new);
    commands.put("env", EnvCommand::new);
    commands.put("completion", CompletionCommand::new);
    return commands;
  }

  private int tell(UserException e) {
    if (debug) {
      e.printStackTrace();
    }
    System.err.println("kerneltracer: " + e.getMessage());
    if (e.hint() != null) {
      System.err.println(e.hint());
    }
    return e.exitCode().code();
  }

  private static int explain(ParameterException e, String[] args) {
    CommandSpec command = e.getCommandLine().getCommandSpec();
    if (!command.subcommands().isEmpty() && !(e instanceof UnmatchedArgumentException)) {
      // A command without work of its own (`kerneltracer`, `kerneltracer env`): its help.
      e.getCommandLine().usage(System.err);
      return ExitCode.USAGE.code();
    }
    System.err.println("kerneltracer: " + e.getMessage());
    if (!UnmatchedArgumentException.printSuggestions(e, System.err)) {
      System.err.println("See " + command.qualifiedName() + " --help.");
    }
    return ExitCode.USAGE.code();
  }

  /// A signal interrupts the main thread, which stops what it started and writes how far it got;
  /// the JVM waits for that, then exits with 128 + signal (130 for Ctrl-C).
  private static CountDownLatch stopOnSignal(Thread main) {
    CountDownLatch ended = new CountDownLatch(1);
    Runtime.getRuntime()
        .addShutdownHook(
            new Thread(
                () -> {
                  if (ended.getCount() == 0) {
                    return;
                  }
                  main.interrupt();
                  try {
                    ended.await(STOP_SECONDS, TimeUnit.SECONDS);
                  } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                  }
                },
                "stop on signal"));
    return ended;
  }

  /// The version that the jar's manifest names.
  static final class Version implements CommandLine.IVersionProvider {
    @Override
    public String[] getVersion() {
      String version = Main.class.getPackage().getImplementationVersion();
      return new String[] {"kerneltracer " + (version == null ? "development" : version)};
    }
  }
}
