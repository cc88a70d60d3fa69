import { describe, expect, it } from 'vitest'
import { getWith, sessionCookieName, sessionCookieOf } from './cookie-requests.fixture.ts'
import { type Harness, startHarness } from './harness.fixture.ts'
import { authorizationResponse, locationOf, whoami } from './login-steps.fixture.ts'
import { navigationLines, rawRequest, valuesOf } from './raw-http.fixture.ts'
import { seededRandom } from './return-to-corpus.fixture.ts'
import { countOf, countTimeoutMs } from './run-counts.fixture.ts'

const server = { autoApprove: 'user-ada' }

/** What a decoder may fail at, byte for byte (Latin-1). */
const broken = [
  '%',
  '%%',
  '%2',
  '%zz',
  '%u0061',
  '%00',
  '%0d%0aSet-Cookie:%20x=y',
  '%ff',
  '%c0%ae',
  '%c0%af%c0%af',
  '%e0%80%af',
  '%ed%a0%80',
  '%f4%90%80%80',
  '%f0%9f%98',
  '+',
  '\xff',
  '\xc3\x28',
  '\xc0\xaf',
  '\xed\xa0\x80',
]
/** More than Node takes as the head of a request. */
const huge = 'a'.repeat(65_536)

/** A place in an address, and what it answers whatever stands there. */
interface Place {
  readonly at: (text: string) => string
  readonly statuses: readonly number[]
}

const inCallback = ['code', 'state', 'iss', 'error', 'error_description', 'error_uri', 'a'].flatMap(
  (name): Place[] => [
    { at: (text) => `/callback/example?${name}=${text}&state=x&code=x`, statuses: [400] },
    { at: (text) => `/callback/example?state=x&code=x&${name}${text}=x`, statuses: [400] },
  ],
)
const inPaths = [
  '/',
  '/callback/',
  '/callback/example',
  '/callback/example/',
  '/login/',
  '/login/example',
  '/logout',
]
const elsewhere: readonly Place[] = [
  ...inPaths.map((path): Place => ({ at: (text) => `${path}${text}`, statuses: [400, 404] })),
  // Begins a login, which is that of the start page then.
  { at: (text) => `/login/example?returnTo=${text}`, statuses: [303, 400] },
  { at: (text) => `/login/example?${text}=x`, statuses: [303, 400] },
  { at: (text) => `/logout?returnTo=${text}`, statuses: [400, 405] },
]
const places = [...inCallback, ...elsewhere]

/** Asks for each of the addresses with a login's cookie; the login must be there afterwards. */
async function withLoginUnderWay(
  harness: Harness,
  work: (lines: readonly string[]) => Promise<void>,
): Promise<void> {
  const { browser, origin, as, errors } = harness
  const { callbackUrl } = await authorizationResponse(browser, `${origin}/login/example`)
  await work([...navigationLines, `Cookie: ${browser.cookies.header(callbackUrl)}`])
  expect([as.calls.token, errors]).toEqual([0, []])
  expect((await browser.get(callbackUrl)).status).toBe(200)
  expect(await whoami(browser, origin)).toBe('user-ada')
}

describe('case 24: broken encodings', () => {
  it('case 24: in any part of an address they are refused or read as they stand, and nothing is spent', async () => {
    const harness = await startHarness({ server })
    await withLoginUnderWay(harness, async (lines) => {
      for (const { at, statuses } of places) {
        for (const text of broken) {
          const target = at(text)
          const { status } = await rawRequest(harness.origin, { target, lines })
          expect([target, status]).toEqual([target, expect.toBeOneOf(statuses)])
        }
        expect((await rawRequest(harness.origin, { target: at(huge), lines })).status).toBe(431)
      }
    })
  })

  it(
    'case 24: random bytes in an address are no failure of ours',
    async () => {
      const perPlace = countOf({ everyday: 50, full: 5_000 })
      const random = seededRandom(24)
      const pieces = [
        ...'%%%%%&=?#;[]/\\.+ab09',
        '%c3',
        '%a4',
        '\xc3',
        '\xa4',
        '\x80',
        '\x01',
        'code',
        'state',
      ]
      const piece = (): string => pieces[Math.floor(random() * pieces.length)] ?? ''
      const harness = await startHarness({ server, frozen: true })
      await withLoginUnderWay(harness, async (lines) => {
        for (const { at } of places) {
          for (let round = 0; round < perPlace; round += 1) {
            const target = at(Array.from({ length: 1 + Math.floor(random() * 12) }, piece).join(''))
            const { status } = await rawRequest(harness.origin, { target, lines })
            expect([target, status >= 200 && status < 500]).toEqual([target, true])
          }
        }
      })
    },
    countTimeoutMs,
  )

  it('case 24: as the code of a good answer they are the server’s to judge', async () => {
    const harness = await startHarness({ server })
    const { origin, as } = harness
    for (const text of broken) {
      const browser = harness.newBrowser()
      const { callbackUrl } = await authorizationResponse(browser, `${origin}/login/example`)
      const lines = [...navigationLines, `Cookie: ${browser.cookies.header(callbackUrl)}`]
      const target = `/callback/example?code=${text}&state=${callbackUrl.searchParams.get('state')}`
      expect([text, (await rawRequest(origin, { target, lines })).status]).toEqual([text, 400])
      expect(await whoami(browser, origin)).toBeNull()
    }
    expect([as.mints.authorization_code, harness.errors]).toEqual([0, []])
  })

  it('case 24: in a form that comes back they are refused', async () => {
    const harness = await startHarness({ server, provider: { responseMode: 'form_post' } })
    const { browser, origin, as } = harness
    const start = await browser.get(`${origin}/login/example`, { redirect: 'manual' })
    const cookie = `Cookie: ${browser.cookies.header(new URL(`${origin}/callback/example`))}`
    const lines = [cookie, `Origin: ${as.origin}`, 'Content-Type: application/x-www-form-urlencoded']
    for (const text of broken) {
      for (const body of [`code=${text}&state=x`, `code=x&state=${text}`, `code=x&state=x&${text}=x`, text]) {
        const target = '/callback/example'
        const relayed = await rawRequest(origin, { method: 'POST', target, lines, body })
        expect([body, relayed.status]).toEqual([body, 303])
        const [back = ''] = valuesOf(relayed, 'location')
        const { status } = await rawRequest(origin, {
          target: back.replace(origin, ''),
          lines: [cookie],
        })
        expect([body, status]).toEqual([body, 400])
      }
    }
    expect([as.calls.token, harness.errors]).toEqual([0, []])
    await browser.submit(await browser.get(locationOf(start)))
    expect(await whoami(browser, origin)).toBe('user-ada')
  })

  it('case 24: in cookies they are nobody, and in other cookies nothing', async () => {
    const harness = await startHarness()
    const own = sessionCookieName(harness)
    const signedIn = `${own}=${sessionCookieOf(harness, await harness.signedIn())}`
    for (const text of [...broken, '"', '"%"', '=', '.', '%2e', `${'a'.repeat(43)}.%ff`]) {
      const nobody = await getWith(harness, '/whoami', `${own}=${text}`)
      expect([text, nobody.status, nobody.body]).toEqual([text, 200, '{"isAuthenticated":false,"user":null}'])
      expect([text, (await getWith(harness, '/me', `${own}=${text}`)).status]).toEqual([text, 401])
      const others = `a=${text}; ${text}=b; connect.sid=${text}; lk.t.x=${text}`
      const somebody = await getWith(harness, '/whoami', `${others}; ${signedIn}`)
      expect([text, somebody.status, JSON.parse(somebody.body)]).toEqual([
        text,
        200,
        { isAuthenticated: true, user: 'user-ada' },
      ])
    }
    expect(
      harness.errors.filter((error) => !Object.is(Reflect.get(Object(error), 'code'), 'login_required')),
    ).toEqual([])
  })

  it('case 24: in an Authorization header they are nothing', async () => {
    const harness = await startHarness({ server })
    const { origin } = harness
    for (const text of broken) {
      for (const scheme of ['Bearer', 'Basic', 'DPoP', text]) {
        const lines = [...navigationLines, `Authorization: ${scheme} ${text}`]
        const statusOf = async (target: string): Promise<number> =>
          (await rawRequest(origin, { target, lines })).status
        expect([
          text,
          await statusOf('/whoami'),
          await statusOf('/login/example'),
          await statusOf('/callback/example'),
        ]).toEqual([text, 200, 303, 400])
      }
    }
  })
})
