import { LatchkeyError } from '../errors.ts'
import { grantOf, type SessionAccount } from '../session/record.ts'
import { startAt } from '../session/session.fixture.ts'
import type { Session } from '../session/session-slots.ts'
import { type Crowd, locatorIn } from './crowd.fixture.ts'
import type { Holding } from './crowd-run.fixture.ts'
import type { Reply } from './http.ts'

/** One thing that somebody of a crowd does. */
export interface Operation {
  readonly name: string
  /** Ada's account at `other` in her laptop's session, or a provider whose accounts are kept. */
  readonly needs?: 'the account' | 'kept accounts'
  /** It writes a session, in which its account is from then on. */
  readonly storesSession?: true
  /** The device on which somebody signs in with Ada's account at `other`. */
  readonly signsInOn?: string
  /** Everything before the step that is raced: what it resolves to is what is raced. */
  readonly prepare: (crowd: Crowd) => Promise<() => Promise<Holding | undefined>>
  /** What of a holding it takes away when it is done, beside the other operation of its pair. */
  readonly takes?: (holding: Holding, pair: readonly Operation[]) => 'session' | 'account' | undefined
}

/** Where a code comes back, in which browser. */
interface Return {
  readonly device: string
  readonly from: 'sign-in' | 'link' | 'consent'
  readonly provider?: 'example'
}

function comesBack({ device, from, provider: front }: Return): Operation['prepare'] {
  return async (crowd) => {
    const browser = crowd.device(device)
    const provider = front ?? 'other'
    const code = front === undefined ? 'adas.code' : 'ada.code'
    const address =
      from === 'sign-in'
        ? await browser.begin(provider, '', code)
        : await browser.beginStep(from, provider, code)
    return async () => {
      const reply = await browser.get(address)
      requireSuccess(reply)
      // Whoever keeps the account is who signs in with it.
      const mayBeBob = from === 'sign-in' && front === undefined && crowd.other.provider.keepAccounts
      return {
        device,
        userIds: device.startsWith('bob') ? ['bob'] : mayBeBob ? ['ada', 'bob'] : ['ada'],
        locator: locatorIn(reply.setCookies.join('; ')),
        hasAccount: front === undefined,
      }
    }
  }
}

/** Answers by pages what code is thrown. */
function requireSuccess({ status, setCookies, body }: Reply): void {
  if (status === 303 && locatorIn(setCookies.join('; ')) !== '') return
  if (status >= 400 && status !== 500) throw new LatchkeyError('login_required', `Answered ${status}.`)
  throw new Error(`Answered ${status}: ${body}`)
}

async function imports(crowd: Crowd): Promise<() => Promise<Holding>> {
  return async () => {
    const { other: client, flows } = crowd
    const tokens = {
      ...client.issue('adas.elsewhere'),
      receivedAt: startAt - 4_000,
      expiresAt: startAt - 400,
    }
    await flows.importAccount({ client, userId: 'ada', tokens, authorizedAt: startAt - 4_000 })
    return { device: 'the import', userIds: ['ada'], hasAccount: true }
  }
}

/** Of the tokens in her laptop's session, some time after they were received. */
async function refreshes(crowd: Crowd): Promise<() => Promise<undefined>> {
  const { fixture, other: client } = crowd
  const { session, account } = await accountOnLaptop(crowd)
  const { provider, id } = account
  const grant = grantOf({ locator: session.locator, userId: 'ada' }, account)
  fixture.clock.step(60)
  return async () => {
    const handle = { ...grant, client, account: { provider, id } }
    await fixture.vault.fresh(handle, { minTtlSeconds: 3_590 })
  }
}

async function accountOnLaptop(
  crowd: Crowd,
): Promise<{ readonly session: Session; readonly account: SessionAccount }> {
  const session = await crowd.device('ada laptop').session()
  const account = session?.record.accounts.find(({ provider }) => provider === 'other')
  if (session === undefined || account === undefined) throw new Error('Her laptop has no account at other.')
  return { session, account }
}

const isOfAda = ({ userIds }: Holding): boolean => userIds.includes('ada')

/** All operations that are let meet. */
export const operations: readonly Operation[] = [
  {
    name: 'a sign-in on a new device',
    storesSession: true,
    signsInOn: 'ada desktop',
    prepare: comesBack({ device: 'ada desktop', from: 'sign-in' }),
  },
  {
    name: 'a sign-in over a session',
    storesSession: true,
    signsInOn: 'ada laptop',
    prepare: comesBack({ device: 'ada laptop', from: 'sign-in' }),
  },
  {
    name: 'a sign-in by another account',
    storesSession: true,
    prepare: comesBack({ device: 'ada watch', from: 'sign-in', provider: 'example' }),
  },
  { name: 'a link', storesSession: true, prepare: comesBack({ device: 'ada phone', from: 'link' }) },
  {
    name: 'a link that another window is faster than',
    storesSession: true,
    prepare: async (crowd) => {
      const link = await comesBack({ device: 'ada laptop', from: 'link' })(crowd)
      return () => {
        crowd.disturb(() => crowd.device('ada laptop').link('example', 'ada.faster'))
        return link()
      }
    },
  },
  {
    name: 'a consent',
    storesSession: true,
    needs: 'the account',
    prepare: comesBack({ device: 'ada laptop', from: 'consent' }),
  },
  { name: "Bob's link", storesSession: true, prepare: comesBack({ device: 'bob laptop', from: 'link' }) },
  { name: 'an import', needs: 'kept accounts', prepare: imports },
  { name: 'a refresh', needs: 'the account', prepare: refreshes },
  {
    name: 'a disconnect',
    needs: 'the account',
    prepare: async (crowd) => {
      const { account } = await accountOnLaptop(crowd)
      return async () => void (await crowd.flows.disconnect('ada', account))
    },
    takes: (holding) => (isOfAda(holding) ? 'account' : undefined),
  },
  {
    name: 'a logout',
    prepare: async (crowd) => async () => {
      const { status } = await crowd.device('ada laptop').post('/logout')
      if (status !== 303) throw new Error(`Answered ${status}.`)
    },
    takes: ({ device }) => (device === 'ada laptop' ? 'session' : undefined),
  },
  {
    name: 'an end of all her sessions',
    prepare: async (crowd) => async () => void (await crowd.flows.endUser('ada')),
    takes: (holding) => (isOfAda(holding) ? 'session' : undefined),
  },
  {
    name: "an end of the account's sessions",
    prepare: async (crowd) => async () =>
      void (await crowd.flows.endSessions({ provider: 'other', id: 'adas' })),
    // A sign-in with the account that it refuses has taken the place of the session that was there.
    takes: ({ device }, pair) =>
      device === 'ada tablet' || pair.some(({ signsInOn }) => signsInOn === device) ? 'session' : undefined,
  },
]
