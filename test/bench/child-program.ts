import { existsSync } from 'node:fs'
import { cpus } from 'node:os'
import { delimiter, join } from 'node:path'
import { GuardedChild } from '../guarded-child.ts'
import { type Answered, type Answers, Questions } from './questions.ts'

/** Which processor a program runs on: the one of the measured app, or the others. `any`: wherever it is put. */
export type Core = 'app' | 'others' | 'any'

/** How a program of the benchmarks is started. */
export interface ProgramOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly core?: Core
  /** For Node, before the program. */
  readonly flags?: readonly string[]
}

const longestStopMs = 5_000
// All of the machine's, whatever this process itself may use.
const coreCount = cpus().length
const taskset = (process.env.PATH ?? '')
  .split(delimiter)
  .map((folder) => join(folder, 'taskset'))
  .find((file) => existsSync(file))

/** True when apps have a processor of their own. */
export const pinsApps: boolean = taskset !== undefined && coreCount >= 2

/** The command that runs another one on some of the processors. */
export function onCore(core: Core, command: string, args: readonly string[]): readonly [string, string[]] {
  if (!pinsApps || taskset === undefined) return [command, [...args]]
  const last = coreCount - 1
  const list = { app: '0', others: `1-${last}`, any: `0-${last}` }[core]
  return [taskset, ['--cpu-list', list, command, ...args]]
}

/** A program of this folder in a process of its own, which answers questions and ends with this process. */
export class ChildProgram<Of extends Answers> implements AsyncDisposable {
  readonly #process: GuardedChild
  readonly #questions: Questions<Of>

  /** @param file its path from this folder */
  constructor(file: string, { env = {}, core = 'others', flags = [] }: ProgramOptions = {}) {
    const [command, args] = onCore(core, process.execPath, [...flags, join(import.meta.dirname, file)])
    const { PATH = '', HOME = '' } = process.env
    this.#process = new GuardedChild(command, args, {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { PATH, HOME, NODE_ENV: 'production', ...env },
    })
    this.#questions = new Questions<Of>(this.#process.child, file)
  }

  /** @throws Error with the stack of what failed there */
  ask<Name extends keyof Of & string>(
    name: Name,
    ...args: Parameters<Of[Name]>
  ): Promise<Answered<Of, Name>> {
    return this.#questions.ask(name, ...args)
  }

  get pid(): number {
    return this.#process.pid
  }

  /** Ends the process. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.stop(longestStopMs)
  }
}
