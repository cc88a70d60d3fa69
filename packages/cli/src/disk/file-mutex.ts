import { link, readdir, readFile, truncate, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { randomId } from '@latchkey/core/terminal'
import { codeOf, diskError, systemError } from './disk-errors.ts'
import { writeNewFile } from './own-files.ts'
import { numberIn, objectIn, parsed, textIn } from './parsed.ts'
import { isSurelyGone, type ProcessId, processIdIn, thisProcess } from './process-id.ts'

const longestWaitMs = 10_000
const pollMs = 10
/** So long a holder that cannot be looked at, or not be told from another process with its pid, is believed to be at work. */
const longestHoldMs = 30_000

/** What stands in a lock file that somebody holds. */
interface Holder {
  readonly process: ProcessId
  /** Names this module in its thread: threads of one process have each their own. */
  readonly thread: string
  /** Names this one hold. */
  readonly hold: string
  /** Epoch milliseconds. */
  readonly since: number
}

const thisThread = randomId(128)
/** The holds of this thread, from before their lock files are made. */
const heldHere = new Set<string>()

/**
 * One process at a time, for the few milliseconds that a change of a file takes. It is held by whoever has the lock file
 * with the highest number: `<name>.lock.<n>`. Who wants it makes number n + 1 once the holder of n has given it back, or is
 * gone; making a file that exists fails, so one of several succeeds. Numbers are never used again while a higher one is
 * there, so whoever acts on an old look finds a higher number beside its own, and starts over. A lock that was given back is
 * an empty file; a process that is killed leaves one whose process is gone. Neither has to be cleaned up.
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
   * @throws {LatchkeyError} `store_unavailable`: another process has held it for ten seconds, or it can be neither read
   *   nor written.
   */
  run<Result>(work: () => Promise<Result>): Promise<Result> {
    const turn = this.#queue.then(() => this.#hold(work))
    this.#queue = turn.catch(() => {})
    return turn
  }

  async #hold<Result>(work: () => Promise<Result>): Promise<Result> {
    const hold = randomId(128)
    heldHere.add(hold)
    try {
      const number = await this.#take(hold)
      return await work().finally(() => this.#giveBack(number))
    } finally {
      heldHere.delete(hold)
    }
  }

  async #take(hold: string): Promise<number> {
    const deadline = performance.now() + longestWaitMs
    for (;;) {
      const highest = Math.max(0, ...(await this.#numbers()))
      const holder = highest === 0 ? undefined : await this.#holderOf(highest)
      if (holder === undefined || isOver(holder)) {
        if (await this.#claim(highest + 1, hold)) return highest + 1
        continue
      }
      if (performance.now() > deadline) {
        const { pid } = holder.process
        throw diskError(`${this.#path} has been locked by process ${pid} for ten seconds.`, 'locked')
      }
      await pause(pollMs * (0.5 + Math.random()))
    }
  }

  /** False: somebody was faster, or this number is out of date. */
  async #claim(number: number, hold: string): Promise<boolean> {
    if (!(await this.#write(number, hold))) return false
    const numbers = await this.#numbers()
    if (numbers.some((one) => one > number)) {
      await unlink(this.#file(number)).catch(() => {})
      return false
    }
    for (const old of numbers.filter((one) => one < number)) await unlink(this.#file(old)).catch(() => {})
    return true
  }

  /**
   * The number stays behind without a holder: it must not be used again. A failure is nobody's, because what was done
   * under the lock is done: this thread knows that it holds it no more, and for others it is over with the process.
   */
  async #giveBack(number: number): Promise<void> {
    await truncate(this.#file(number)).catch(() => {})
  }

  /** With its content at once: nobody ever finds a lock file half written. */
  async #write(number: number, hold: string): Promise<boolean> {
    const holder: Holder = { process: thisProcess, thread: thisThread, hold, since: Date.now() }
    const draft = this.#draft()
    try {
      await writeNewFile(draft, JSON.stringify(holder))
      await link(draft, this.#file(number))
      return true
    } catch (error) {
      // Gone: whoever holds the lock has taken the draft for one of a process that was killed.
      if (['EEXIST', 'ENOENT'].includes(codeOf(error))) return false
      throw systemError(`${this.#path} cannot be locked`, error, 'write')
    } finally {
      await unlink(draft).catch(() => {})
    }
  }

  async #numbers(): Promise<readonly number[]> {
    const start = `${basename(this.#path)}.lock.`
    const names = await readdir(dirname(this.#path)).catch((error: unknown) => {
      throw systemError(`${dirname(this.#path)} cannot be read`, error, 'read')
    })
    return names
      .filter((name) => name.startsWith(start))
      .map((name) => Number(name.slice(start.length)))
      .filter((number) => Number.isSafeInteger(number) && number > 0)
  }

  /** `undefined`: it was given back, is gone meanwhile, or was never ours. */
  async #holderOf(number: number): Promise<Holder | undefined> {
    try {
      return holderIn(await readFile(this.#file(number), 'utf8'))
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined
      throw systemError(`${this.#file(number)} cannot be read`, error, 'locked')
    }
  }

  #file(number: number): string {
    return `${this.#path}.lock.${number}`
  }

  #draft(): string {
    return join(dirname(this.#path), `${basename(this.#path)}.${randomId(128)}.tmp`)
  }
}

function isOver({ process, thread, hold, since }: Holder): boolean {
  if (thread === thisThread) return !heldHere.has(hold)
  if (isSurelyGone(process)) return true
  const canBeLookedAt = process.machine === thisProcess.machine && process.startedAt !== undefined
  return !canBeLookedAt && Date.now() - since > longestHoldMs
}

function holderIn(text: string): Holder | undefined {
  return parsed(text, (value) => {
    const { process, thread, hold, since } = objectIn(value)
    return {
      process: processIdIn(process),
      thread: textIn(thread),
      hold: textIn(hold),
      since: numberIn(since),
    }
  })
}
