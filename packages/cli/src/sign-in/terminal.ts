import { createInterface } from 'node:readline'
import { LatchkeyError } from '@latchkey/core'
import { printable } from '@latchkey/core/terminal'

/** Where a person reads and writes. stdout is left to the program's data. */
export interface Terminal {
  /** @default process.stdin */
  readonly input?: NodeJS.ReadableStream | undefined
  /** @default process.stderr */
  readonly output?: (NodeJS.WritableStream & { readonly isTTY?: boolean }) | undefined
}

/** Prints a line. What a server wrote in it cannot drive the terminal. */
export function say({ output = process.stderr }: Terminal, text: string): void {
  output.write(`${text.split('\n').map(printable).join('\n')}\n`)
}

/** Prints what we drew ourselves, as it is. */
export function draw({ output = process.stderr }: Terminal, drawing: string): void {
  output.write(`${drawing}\n`)
}

/** So many lines in which nothing stands show that nobody is there. */
const mostEmptyLines = 20

/**
 * The first line that is not empty.
 * @throws {LatchkeyError} `login_required`: the input has ended, or says nothing. Whatever `signal` was aborted with.
 */
export async function ask(
  { input = process.stdin, output = process.stderr }: Terminal,
  question: string,
  signal: AbortSignal,
): Promise<string> {
  signal.throwIfAborted()
  const lines = createInterface({ input, output, prompt: question })
  const stop = (): void => lines.close()
  signal.addEventListener('abort', stop, { once: true })
  // While lines are read, the terminal leaves it to the reader what Ctrl-C does.
  lines.on('SIGINT', () => {
    lines.close()
    if (input === process.stdin) process.kill(process.pid, 'SIGINT')
  })
  try {
    lines.prompt()
    let emptyLines = 0
    for await (const line of lines) {
      if (line.trim() !== '') return line.trim()
      emptyLines += 1
      if (emptyLines === mostEmptyLines) break
      lines.prompt()
    }
  } finally {
    signal.removeEventListener('abort', stop)
    lines.close()
  }
  signal.throwIfAborted()
  throw new LatchkeyError(
    'login_required',
    'The input has ended before anything was pasted. Run this in a terminal, or sign in another way.',
    { reason: 'signed_out' },
  )
}
