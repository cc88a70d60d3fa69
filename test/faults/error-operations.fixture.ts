import { type Apps, publicOrigin } from '../integration/apps.ts'
import { type Asker, type Outcome, outcomeOf } from './asks.fixture.ts'
import type { Person } from './refresh-rig.fixture.ts'

/** What somebody does while Redis answers with an error. */
export type Operation = 'page' | 'call' | 'refresh' | 'sign-in' | 'sign-out' | 'new session'

/** Who does what. */
export interface Cast {
  readonly apps: Apps
  readonly asker: Asker
  readonly place: number
  /** With a token that is good. */
  readonly fresh: Person
  /** With one that has run out. */
  readonly expired: Person
  readonly leaving: Person
  /** A name at the authorization server. */
  readonly newcomer: string
}

type Operations = Readonly<Record<Operation, (cast: Cast) => Promise<Outcome>>>

/** Each answers what came of it. Served means: as it must be, for whoever asked. */
export const operations: Operations = {
  page: async ({ apps, asker, place, fresh }) => (await asker.ask(apps.at(place), 'page', fresh)).outcome,
  call: async ({ apps, asker, place, fresh }) => (await asker.ask(apps.at(place), 'call', fresh)).outcome,
  refresh: async ({ apps, asker, place, expired }) =>
    (await asker.ask(apps.at(place), 'call', expired)).outcome,
  'sign-in': signIn,
  'sign-out': async ({ apps, place, leaving }) => {
    const init = { method: 'POST', headers: { origin: publicOrigin } }
    const reply = await apps.get(place, '/logout', leaving.cookie, init)
    await reply.arrayBuffer()
    return reply.status < 400 ? 'served' : outcomeOf(reply.status, Object.fromEntries(reply.headers))
  },
  'new session': ({ apps, place, newcomer }) =>
    apps.signIn(newcomer, place).then(
      (): Outcome => 'served',
      (error: Error): Outcome =>
        error.message.includes('store_unavailable') ? '503-keep' : `wrong: ${error.message}`,
    ),
}

async function signIn({ apps, place, newcomer }: Cast): Promise<Outcome> {
  const browser = apps.browser(place)
  const page = await browser.signIn(`${publicOrigin}/login/example`, { as: newcomer })
  if (page.status !== 200) return outcomeOf(page.status, page.headers)
  const { user } = JSON.parse((await browser.get(`${publicOrigin}/whoami`)).text) as {
    readonly user: unknown
  }
  return apps.servers.as.liveFor(String(user)) === undefined ? 'wrong: nobody is signed in' : 'served'
}
