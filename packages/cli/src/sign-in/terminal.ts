import { createInterface } from 'node:readline/promises'
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

/**
 * The first line that is not empty.
 * @throws whatever `signal` was aborted with, or an error when the input has ended.
 */
export async function ask(
  { input = process.stdin, output = process.stderr }: Terminal,
  question: string,
  signal: AbortSignal,
): Promise<string> {
  const lines = createInterface({ input, output })
  const ended = new Promise<never>((_, reject) => {
    lines.once('close', () => reject(new Error('The input has ended.')))
  })
  ended.catch(() => {})
  try {
    for (;;) {
      const line = await Promise.race([lines.question(question, { signal }), ended])
      if (line.trim() !== '') return line.trim()
    }
  } catch (error) {
    signal.throwIfAborted()
    throw error
  } finally {
    lines.close()
  }
}
