import type { ChildProcess } from 'node:child_process'

/** What a process answers to, by name. Arguments and answers cross as JSON. */
export type Answers = Readonly<Record<string, (...args: never[]) => unknown>>

/** What is asked of the process at the other end. */
export type Answered<Of extends Answers, Name extends keyof Of> = Awaited<ReturnType<Of[Name]>>

interface Question {
  readonly number: number
  readonly name: string
  readonly args: readonly unknown[]
}

interface Answer {
  readonly number: number
  readonly value?: unknown
  /** Present: it failed. */
  readonly error?: string
}

interface Waiting {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
}

/** Asks a child process, which has an IPC channel and called {@link answerQuestions}. */
export class Questions<Of extends Answers> {
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, Waiting>()
  #asked = 0

  /** @param name what the process is called in errors */
  constructor(child: ChildProcess, name: string) {
    this.#child = child
    child.on('message', (message: Answer) => {
      const waiting = this.#waiting.get(message.number)
      this.#waiting.delete(message.number)
      if (message.error === undefined) waiting?.resolve(message.value)
      else waiting?.reject(new Error(`${name}: ${message.error}`))
    })
    child.once('close', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`${name} has ended.`))
      this.#waiting.clear()
    })
  }

  /** @throws Error with the stack of what failed there */
  ask<Name extends keyof Of & string>(
    name: Name,
    ...args: Parameters<Of[Name]>
  ): Promise<Answered<Of, Name>> {
    this.#asked += 1
    const question: Question = { number: this.#asked, name, args }
    return new Promise((resolve, reject) => {
      this.#waiting.set(question.number, {
        resolve: (value) => resolve(value as Answered<Of, Name>), // what the process with these answers sent
        reject,
      })
      this.#child.send(question, (error) => error && reject(error))
    })
  }
}

/** Answers the questions of the parent process, and ends when it is gone. */
export function answerQuestions(answers: Answers): void {
  process.once('disconnect', () => process.exit())
  process.on('message', async ({ number, name, args }: Question) => {
    process.send?.(await answerTo(answers, { number, name, args }))
  })
}

async function answerTo(answers: Answers, { number, name, args }: Question): Promise<Answer> {
  try {
    const answer = answers[name]
    if (answer === undefined) throw new Error(`Nobody answers to ${name}.`)
    return { number, value: await answer(...(args as never[])) } // typed where it is asked
  } catch (error) {
    return { number, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
}
