import { Agent, type Dispatcher } from 'undici'
import type { Bench, RunningApp } from '../bench.ts'
import { BenchAs } from '../bench-as.ts'
import { figureOf } from '../figures.ts'
import type { Row, RowResult } from '../row.ts'

const signInCount = 10_000
const trialSignInCount = 500
/** They sign in together; the server knows one of its users at a time. */
const atOnce = 25
const steps = 10
const megabyte = 2 ** 20
const baseUrl = 'https://app.example'
const pageLoad = {
  host: new URL(baseUrl).host,
  accept: 'text/html',
  'sec-fetch-mode': 'navigate',
  'sec-fetch-dest': 'document',
  'sec-fetch-site': 'none',
}

/** Whole sign-ins, as browsers go through them, and what they leave behind in the process. */
export const signIns: Row = {
  name: 'sign-ins',
  title: 'Memory of the process after sign-ins',
  run: measure,
}

async function measure(bench: Bench): Promise<RowResult> {
  const count = bench.options.isTrial ? trialSignInCount : signInCount
  await using as = await BenchAs.start(atOnce)
  await using app = bench.startApp('latchkey-express', { env: as.env })
  await using browsers = await Browsers.of(as, app)
  await browsers.signIn(as, atOnce)
  const start = await app.ask('usage')
  const startedAt = performance.now()
  const rss: number[] = []
  for (let step = 1; step <= steps; step += 1) {
    await browsers.signIn(as, count / steps)
    const { rssBytes } = await app.ask('usage')
    rss.push(rssBytes / megabyte)
    bench.progress(`${(count / steps) * step} sign-ins: ${(rssBytes / megabyte).toFixed(0)} MB`)
  }
  const seconds = (performance.now() - startedAt) / 1000
  const end = await app.ask('usage')
  const half = rss.slice(steps / 2)
  return {
    setUp: { 'sign-ins': count, 'at once': atOnce },
    figures: [
      figureOf(`RSS after ${atOnce} sign-ins`, [start.rssBytes / megabyte], { unit: 'MB' }),
      figureOf(`RSS after ${count} sign-ins`, [end.rssBytes / megabyte], { unit: 'MB' }),
      figureOf('RSS in the second half', half, { unit: 'MB' }),
      figureOf('CPU of the app per sign-in', [(end.cpuMicros - start.cpuMicros) / count], {
        unit: 'us',
        count,
      }),
      figureOf('sign-ins, server and browsers on the other processor', [count / seconds], {
        unit: '/s',
        count,
      }),
    ],
    charts: [],
    samples: { 'RSS in MB after each tenth': rss },
  }
}

/** Browsers that know nothing but how to follow a sign-in. */
class Browsers implements AsyncDisposable {
  readonly #agent = new Agent({ connections: atOnce })
  readonly #origin: string

  private constructor(origin: string) {
    this.#origin = origin
  }

  static async of(as: BenchAs, app: RunningApp): Promise<Browsers> {
    as.as.policy.accessTokenLifetimeSeconds = 3600
    return new Browsers(await app.ask('origin'))
  }

  /** So many whole sign-ins. @throws Error when one does not end signed in */
  async signIn(as: BenchAs, count: number): Promise<void> {
    for (let done = 0; done < count; done += atOnce) {
      const user = `user-${String((done / atOnce) % atOnce).padStart(6, '0')}`
      as.as.policy.autoApprove = user
      await Promise.all(Array.from({ length: Math.min(atOnce, count - done) }, () => this.#signIn(user)))
    }
  }

  async #signIn(user: string): Promise<void> {
    const begun = await this.#get(`${this.#origin}/login/bench`, pageLoad)
    const consented = await this.#get(locationOf(begun), {})
    const callback = locationOf(consented).replace(baseUrl, this.#origin)
    const done = await this.#get(callback, { ...pageLoad, cookie: cookiesOf(begun) })
    const me = await this.#agent.request({
      origin: this.#origin,
      path: '/me',
      method: 'GET',
      headers: { ...pageLoad, cookie: cookiesOf(done) },
    })
    const text = await me.body.text()
    if (!text.includes(user)) throw new Error(`A sign-in of ${user} ended with: ${me.statusCode} ${text}`)
  }

  async #get(url: string, headers: Readonly<Record<string, string>>): Promise<Dispatcher.ResponseData> {
    const { origin, pathname, search } = new URL(url)
    const reply = await this.#agent.request({ origin, path: pathname + search, method: 'GET', headers })
    await reply.body.dump()
    return reply
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#agent.close()
  }
}

function locationOf({ statusCode, headers }: Dispatcher.ResponseData): string {
  const [location] = [headers.location ?? []].flat()
  if (location === undefined)
    throw new Error(`A step of a sign-in answered ${statusCode} without a Location.`)
  return location
}

function cookiesOf({ headers }: Dispatcher.ResponseData): string {
  const lines = [headers['set-cookie'] ?? []].flat()
  return lines.map((line) => line.split(';', 1)[0]).join('; ')
}
