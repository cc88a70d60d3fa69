import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'

/** How a child process ended: its exit code, or the signal that ended it. */
export type Ending = number | NodeJS.Signals

/**
 * A child process that never outlives this one, not even when this one is killed or the child is stopped by a signal.
 * A shell beside it waits for the end of this process, and kills the child then.
 */
export class GuardedChild {
  readonly child: ChildProcess
  /** Resolves when the process has ended and its output is read. Rejects when it could not be started. */
  readonly ended: Promise<Ending>
  #hasEnded = false

  /** Starts the program. */
  constructor(command: string, args: readonly string[], options: SpawnOptions) {
    this.child = spawn(command, args, options)
    this.ended = this.#end()
    // Whoever waits for it is told.
    this.ended.catch(() => {})
  }

  /** @throws Error when the program could not be started */
  get pid(): number {
    if (this.child.pid === undefined) throw new Error(`${this.child.spawnfile} could not be started.`)
    return this.child.pid
  }

  /** False once the process is gone. */
  get isRunning(): boolean {
    return !this.#hasEnded
  }

  /** Sends a signal, unless the process is gone. */
  signal(signal: NodeJS.Signals): void {
    if (this.isRunning) this.child.kill(signal)
  }

  /** Asks the process to end, stopped or not, and kills it when it does not. */
  async stop(withinMs: number): Promise<Ending> {
    this.signal('SIGTERM')
    this.signal('SIGCONT')
    const timer = setTimeout(() => this.signal('SIGKILL'), withinMs)
    try {
      return await this.ended
    } finally {
      clearTimeout(timer)
    }
  }

  async #end(): Promise<Ending> {
    const { child } = this
    const guard = child.pid === undefined ? undefined : startGuard(child.pid)
    const isGone = (): void => {
      this.#hasEnded = true
      guard?.kill('SIGKILL')
    }
    // With `exit`, the pid may be somebody else's from here on.
    child.once('exit', isGone)
    await new Promise<void>((resolve, reject) => {
      child.once('close', () => resolve())
      // Also a message that cannot be sent is an `error`; that says nothing about the end of the process.
      child.on('error', (error) => child.pid === undefined && reject(error))
    }).finally(isGone)
    return child.signalCode ?? child.exitCode ?? 1
  }
}

// Its standard input ends when this process does. A group of its own: Ctrl-C must not reach it.
function startGuard(pid: number): ChildProcess {
  const guard = spawn('sh', ['-c', 'read -r line; kill -KILL "$0" 2>/dev/null', String(pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  guard.unref()
  ;(guard.stdin as unknown as { unref?: () => void }).unref?.() // a pipe's socket, by type only a stream
  return guard
}
