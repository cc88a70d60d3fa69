import { Pool } from 'undici'
import { expect, onTestFinished } from 'vitest'
import type { AppProcess } from '../integration/app-process.ts'
import { type Apps, publicOrigin } from '../integration/apps.ts'
import type { Person } from './refresh-rig.fixture.ts'

/** `503-keep`: come again, with `Retry-After` and without `Set-Cookie`. */
export type Outcome = 'served' | '503-keep' | `wrong: ${string}`

/** What visitors of an app do. Those in the second list have no session, or visit a page that asks for none. */
export type Ask = (typeof asksOfSession)[number] | (typeof asksOfNobody)[number]

export const asksOfSession = ['page', 'call'] as const
export const asksOfNobody = ['visitor', 'plain', 'login', 'login of a user'] as const

interface AskParts {
  readonly path: string
  readonly isSignedIn: boolean
  readonly isServed: (reply: Reply, userId: string) => boolean
}

interface Reply {
  readonly status: number
  readonly text: string
  readonly setsCookie: boolean
}

interface Answer {
  readonly outcome: Outcome
  readonly ms: number
}

const longestAnswerMs = 60_000
// At the public address: elsewhere a login would first be sent there.
const navigation = {
  host: new URL(publicOrigin).host,
  accept: 'text/html',
  'sec-fetch-mode': 'navigate',
  'sec-fetch-dest': 'document',
}

// A login begins on the way to the authorization server, with the transaction in a cookie.
const isLoginStart = ({ status, setsCookie }: Reply): boolean => status === 303 && setsCookie
const isAbout = ({ status, text }: Reply, user: unknown): boolean =>
  status === 200 && (JSON.parse(text) as { readonly user: unknown }).user === user // of the program's own routes

const parts: Readonly<Record<Ask, AskParts>> = {
  page: { path: '/whoami', isSignedIn: true, isServed: isAbout },
  call: { path: '/me', isSignedIn: true, isServed: isAbout },
  visitor: { path: '/whoami', isSignedIn: false, isServed: (reply) => isAbout(reply, null) },
  plain: { path: '/plain', isSignedIn: true, isServed: ({ status }) => status === 200 },
  login: { path: '/login/example', isSignedIn: false, isServed: isLoginStart },
  'login of a user': { path: '/login/example', isSignedIn: true, isServed: isLoginStart },
}

/** Asks over keep-alive connections, and says what came of each. */
export class Asker {
  readonly #pools = new Map<AppProcess, Pool>()

  /** One request. @param signal it leaves before the answer */
  async ask(app: AppProcess, ask: Ask, { userId, cookie }: Person, signal?: AbortSignal): Promise<Answer> {
    const { path, isSignedIn, isServed } = parts[ask]
    const headers = { ...(path.startsWith('/login') ? navigation : { accept: 'application/json' }) }
    const startedAt = performance.now()
    const asked = this.#pool(app).request({
      method: 'GET',
      path,
      headers: isSignedIn ? { ...headers, cookie } : headers,
      ...(signal && { signal }),
    })
    const outcome = await asked
      .then(async ({ statusCode, headers: answered, body }): Promise<Outcome> => {
        const text = await body.text()
        const reply = { status: statusCode, text, setsCookie: answered['set-cookie'] !== undefined }
        if (isServed(reply, userId)) return 'served'
        return outcomeOf(statusCode, answered)
      })
      .catch((error: unknown): Outcome => `wrong: ${reasonOf(error)}`) // of undici
    return { outcome, ms: performance.now() - startedAt }
  }

  /** The same of many, so many at once; how often each thing came of it. */
  async askEach(
    app: AppProcess,
    ask: Ask,
    people: readonly Person[],
  ): Promise<Readonly<Record<string, number>>> {
    const counts: Record<string, number> = {}
    const left = people.values()
    const askThem = async (): Promise<void> => {
      for (const person of left) {
        const { outcome } = await this.ask(app, ask, person)
        counts[outcome] = (counts[outcome] ?? 0) + 1
      }
    }
    await Promise.all(Array.from({ length: 20 }, askThem))
    return counts
  }

  /** Closes every connection. */
  async close(): Promise<void> {
    await Promise.all([...this.#pools.values()].map((pool) => pool.destroy()))
  }

  #pool(app: AppProcess): Pool {
    const known = this.#pools.get(app)
    if (known !== undefined) return known
    const limits = { headersTimeout: longestAnswerMs, bodyTimeout: longestAnswerMs }
    // As many connections as there are requests, so that none waits for another.
    const pool = new Pool(app.origin, { connections: null, pipelining: 1, ...limits })
    this.#pools.set(app, pool)
    return pool
  }
}

/** Of undici's errors the code; of a request that was given up its name. */
function reasonOf(error: unknown): unknown {
  if (error instanceof DOMException) return error.name
  return error instanceof Error && 'code' in error ? error.code : error
}

/** What a status that is not the wanted one is worth. */
export function outcomeOf(status: number, headers: { readonly [name: string]: unknown }): Outcome {
  const tellsWhen = Number(headers['retry-after']) > 0
  const keepsCookies = headers['set-cookie'] === undefined
  if (status === 503 && tellsWhen && keepsCookies) return '503-keep'
  return `wrong: ${status}${tellsWhen ? '' : ' without Retry-After'}${keepsCookies ? '' : ' with Set-Cookie'}`
}

/** An {@link Asker} until the end of the test. */
export function askerOfTest(): Asker {
  const asker = new Asker()
  onTestFinished(() => asker.close())
  return asker
}

/** Signs in `user-1` to `user-<count>`, known to the server, through the first processes in turn. @param places how many */
export async function signInPeople(
  apps: Apps,
  count: number,
  places: number = apps.members.length,
): Promise<readonly Person[]> {
  const signIn = async (index: number): Promise<Person> => {
    const userId = `user-${index + 1}`
    const place = index % places
    const again = (): Promise<string> => apps.signIn(userId, place)
    // Thousands at once make a busy machine late.
    return { userId, cookie: await again().catch(again) }
  }
  const signedIn: Person[] = []
  for (let from = 0; from < count; from += 50) {
    const batch = Array.from({ length: Math.min(50, count - from) }, (_, index) => signIn(from + index))
    signedIn.push(...(await Promise.all(batch)))
  }
  return signedIn
}

/** How many of these people are no longer signed in, or as somebody else, as every process in turn sees it. */
export async function lostOf(apps: Apps, asker: Asker, people: readonly Person[]): Promise<number> {
  const running = apps.members.filter(({ isRunning }) => isRunning)
  let lost = 0
  for (const [place, app] of running.entries()) {
    const share = people.filter((_, index) => index % running.length === place)
    lost += share.length - ((await asker.askEach(app, 'page', share)).served ?? 0)
  }
  return lost
}

/** Resolves when everything is served at this process again. */
export async function servedAgain(asker: Asker, app: AppProcess, person: Person): Promise<void> {
  const outcome = async (): Promise<Outcome> => (await asker.ask(app, 'call', person)).outcome
  await expect.poll(outcome, { timeout: 30_000, interval: 20 }).toBe('served')
}
