import { link, readdir, readFile, rename, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { randomId } from '@latchkey/core/terminal'
import { codeOf, diskError, writeNewFile } from './own-files.ts'
import { isSurelyGone, type ProcessId, thisProcess } from './process-id.ts'

const longestWaitMs = 10_000
const pollMs = 10
/** So long a holder that cannot be looked at, on another machine, is believed to be at work. */
const longestHoldMs = 30_000

/** What stands in a lock file. */
interface Holder {
  readonly process?: ProcessId
  /** Epoch milliseconds. */
  readonly since: number
}

/**
 * One process at a time, for the few milliseconds that a change of a file takes. It is held by whoever has the lock file
 * with the highest number: `<name>.lock.<n>`. Who wants it makes number n + 1 once the holder of n has given it back, or is
 * gone; making a file that exists fails, so one of several succeeds. Numbers are never used again while a higher one is
 * there, so whoever acts on an old look finds a higher number beside its own, and starts over. A process that is killed
 * leaves a file whose process is gone, and nothing has to be cleaned up.
 */
export class FileMutex {
  readonly #path: string
  /** This process's own callers, one after the other. */
  #queue: Promise<unknown> = Promise.resolve()

  /** @param path what the lock files are named after. */
  constructor(path: string) {
    this.#path = path
  }

  /**
   * Runs `work` while nobody else does, in any process.
   * @throws {LatchkeyError} `store_unavailable`: another process has held it for ten seconds.
   */
  run<Result>(work: () => Promise<Result>): Promise<Result> {
    const turn = this.#queue.then(() => this.#hold(work))
    this.#queue = turn.catch(() => {})
    return turn
  }

  async #hold<Result>(work: () => Promise<Result>): Promise<Result> {
    const number = await this.#take()
    try {
      return await work()
    } finally {
      await this.#giveBack(number)
    }
  }

  async #take(): Promise<number> {
    const deadline = performance.now() + longestWaitMs
    for (;;) {
      const highest = Math.max(0, ...(await this.#numbers()))
      const holder = highest === 0 ? undefined : await this.#holderOf(highest)
      if (holder === undefined || isOver(holder)) {
        if (await this.#claim(highest + 1)) return highest + 1
        continue
      }
      if (performance.now() > deadline) {
        const who = holder.process === undefined ? '' : ` by process ${holder.process.pid}`
        throw diskError(`${this.#path} has been locked${who} for ten seconds.`, 'locked')
      }
      await pause(pollMs * (0.5 + Math.random()))
    }
  }

  /** False: somebody was faster, or this number is out of date. */
  async #claim(number: number): Promise<boolean> {
    if (!(await this.#write(number, { process: thisProcess, since: Date.now() }))) return false
    const numbers = await this.#numbers()
    if (numbers.some((one) => one > number)) {
      await unlink(this.#file(number)).catch(ifGone)
      return false
    }
    for (const old of numbers.filter((one) => one < number)) await unlink(this.#file(old)).catch(ifGone)
    return true
  }

  /** The number stays behind without a holder: it must not be used again. */
  async #giveBack(number: number): Promise<void> {
    const draft = this.#draft()
    await writeNewFile(draft, JSON.stringify({ since: Date.now() } satisfies Holder))
    await rename(draft, this.#file(number))
  }

  /** With its content at once: nobody ever finds a lock file half written. */
  async #write(number: number, holder: Holder): Promise<boolean> {
    const draft = this.#draft()
    try {
      await writeNewFile(draft, JSON.stringify(holder))
      await link(draft, this.#file(number))
      return true
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return false
      throw diskError(`${this.#path} cannot be locked (${codeOf(error)}).`, 'write')
    } finally {
      await unlink(draft).catch(ifGone)
    }
  }

  async #numbers(): Promise<readonly number[]> {
    const start = `${basename(this.#path)}.lock.`
    const names = await readdir(dirname(this.#path))
    return names
      .filter((name) => name.startsWith(start))
      .map((name) => Number(name.slice(start.length)))
      .filter((number) => Number.isSafeInteger(number) && number > 0)
  }

  /** `undefined`: it is gone meanwhile, or was never ours. */
  async #holderOf(number: number): Promise<Holder | undefined> {
    try {
      return JSON.parse(await readFile(this.#file(number), 'utf8')) as Holder // as it was written, by link() whole
    } catch {
      return { since: 0 }
    }
  }

  #file(number: number): string {
    return `${this.#path}.lock.${number}`
  }

  #draft(): string {
    return join(dirname(this.#path), `${basename(this.#path)}.${randomId(128)}.tmp`)
  }
}

function isOver({ process, since }: Holder): boolean {
  if (process === undefined || isSurelyGone(process)) return true
  return process.machine !== thisProcess.machine && Date.now() - since > longestHoldMs
}

function ifGone(error: unknown): void {
  if (codeOf(error) !== 'ENOENT') throw error
}
