import { describe, expect, it } from 'vitest'
import type { Provider } from '../protocol/provider.ts'
import { subjectKey } from '../protocol/subject-key.ts'
import { subjectRef } from '../session/record.ts'
import { userKey } from '../session/session-index.ts'
import { type Browser, FlowsFixture } from './flows.fixture.ts'
import { duringOutage, forEachOutage, type Outage } from './outage.fixture.ts'
import type { Flows } from './routes.ts'
import { ScriptedSignInClient } from './scripted-sign-in-client.fixture.ts'

const user = 'example:ada'
const owners: readonly (readonly [string, Partial<Provider>])[] = [
  ['of a session', { revocation: 'token' }],
  ['of a session, revoked as one', { revocation: 'authorization' }],
  ['exclusive', { exclusive: true, revocation: 'authorization' }],
]

/** Ways to sign out. Rejects where it cannot be done. */
const endings: Readonly<Record<string, (flows: Flows, browser: Browser) => Promise<unknown>>> = {
  'a sign-out': async (_, browser) => {
    const { status } = await browser.post('/logout')
    if (status !== 303) throw new Error(`Answered ${status}.`)
  },
  "an end of all of the user's sessions": (flows) => flows.endUser(user),
  "an end of all of the account's sessions": (flows) => flows.endSessions({ provider: 'example', id: 'ada' }),
}

/** An end of the only session during which the store goes away; where it fails it is asked for again afterwards. */
async function cutShort(name: string, provider: Partial<Provider>, outage: Outage) {
  const fixture = new FlowsFixture({ clients: [new ScriptedSignInClient('example', provider)] })
  const flows = fixture.flows()
  const browser = fixture.browser(flows)
  await browser.signIn()
  const cookie = browser.copy()
  const end = async () => {
    await endings[name]?.(flows, browser)
    return 'ended'
  }
  const ended = await duringOutage(fixture, flows, outage, end)
  if (ended === undefined) return undefined
  if (ended.result === undefined) await end()
  await flows.close()
  return { fixture, cookie, command: ended.command }
}

/** What is wrong with how it ended. */
async function faults(
  { fixture, cookie, command }: NonNullable<Awaited<ReturnType<typeof cutShort>>>,
  { isCarriedOut }: Outage,
) {
  const { client, store } = fixture
  const found: string[] = []
  if ((await cookie.session()) !== undefined) found.push('its user is signed in')
  for (const key of [userKey(user), subjectKey(client, 'ada')]) {
    if ((await store.subjects.members(key)).length > 0) found.push('an index has a place that no session has')
  }
  if ((await store.grants.read(subjectRef(subjectKey(client, 'ada')))) !== undefined)
    found.push('a grant is left that nobody shares')
  // What only a lost answer has named, nobody can revoke any more.
  const isLost = isCarriedOut && /^(sessions\.delete|subjects\.leave)$/.test(command)
  if (client.revoked.length !== 1 && !isLost) found.push(`revoked ${client.revoked.length} times`)
  return found
}

describe.each(Object.keys(endings))('%s, and the store goes away', (name) => {
  it.each(owners)('leaves nothing behind (%s)', async (_, provider) => {
    await forEachOutage(
      20,
      (outage) => cutShort(name, provider, outage),
      async (ended, outage) =>
        expect(await faults(ended, outage), `${ended.command} ${outage.isCarriedOut}`).toEqual([]),
    )
  })
})
