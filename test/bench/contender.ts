import { deepStrictEqual } from 'node:assert/strict'
import type { RunningApp } from './bench.ts'
import type { BenchUser } from './bench-user.ts'
import type { ProgramOptions } from './child-program.ts'

/** What is measured beside others: an app program, one of its URLs, and what the right answer is. */
export interface Contender {
  readonly name: string
  /** A program of the folder `apps`. */
  readonly app: string
  readonly env?: ProgramOptions['env']
  readonly path: string
  /** The whole answer for this user. */
  readonly answer: (user: BenchUser) => unknown
  /** What every answer begins with, checked during the load. */
  readonly answersBegin: string
  /** How many times as many requests as the first contender of the row it must answer. */
  readonly budget?: number
}

const checkedUsers = 5

/** A contender that runs, with users signed in. */
export class RunningContender {
  readonly contender: Contender
  readonly app: RunningApp
  readonly url: string
  readonly cookies: readonly string[]
  readonly #users: readonly BenchUser[]

  private constructor(
    contender: Contender,
    app: RunningApp,
    url: string,
    users: readonly BenchUser[],
    cookies: readonly string[],
  ) {
    this.contender = contender
    this.app = app
    this.url = url
    this.cookies = cookies
    this.#users = users
  }

  /** Signs the users in and checks the answers. */
  static async start(
    contender: Contender,
    app: RunningApp,
    users: readonly BenchUser[],
  ): Promise<RunningContender> {
    const url = (await app.ask('origin')) + contender.path
    const cookies = await app.ask('signIn', users)
    const running = new RunningContender(contender, app, url, users, cookies)
    await running.check()
    return running
  }

  /** @throws Error when some users get another answer than the right one, or visitors without a cookie get any. */
  async check(): Promise<void> {
    const step = Math.max(1, Math.floor(this.#users.length / checkedUsers))
    for (let index = 0; index < this.#users.length; index += step) {
      const user = this.#users[index]
      if (user === undefined) continue
      const reply = await fetch(this.url, { headers: { cookie: this.cookies[index] ?? '' } })
      const text = await reply.text()
      const answer: unknown = reply.status === 200 ? JSON.parse(text) : `${reply.status} ${text}`
      const where = `${this.contender.name} ${this.contender.path}`
      deepStrictEqual(answer, this.contender.answer(user), `${where} gave a wrong answer: ${text}`)
    }
    const { status } = await fetch(this.url, { redirect: 'manual' })
    if (status === 200) throw new Error(`${this.contender.name} let somebody in without a cookie.`)
  }
}
