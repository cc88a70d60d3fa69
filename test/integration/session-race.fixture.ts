import type { PageResponse } from '@latchkey/testing'
import { CookieJar, UserAgent } from '@latchkey/testing'
import { type Apps, publicOrigin } from './apps.ts'

/** Numbers of a seed. */
export type Random = () => number

/** What one window of a browser does in a race. */
export type ActName =
  | 'calls the API'
  | 'reads its data'
  | 'writes data'
  | 'signs in again'
  | 'signs out'
  | 'signs out everywhere'
  | 'links an account'
  | 'disconnects the linked account'

/** One window, and what came of what it did. */
export interface Window {
  readonly act: ActName
  readonly status: number
  /** What the window's browser has afterwards: each begins with the same cookies. */
  readonly jar: CookieJar
  /** It did what it was to do. */
  readonly isDone: boolean
}

/** One person's race. */
export interface Race {
  readonly userId: string
  /** The cookies that every window began with, and that somebody may have copied. */
  readonly before: CookieJar
  readonly acts: readonly ActName[]
  readonly windows: readonly Window[]
  /** What the window that writes has written. */
  readonly written: string
}

interface Meeting {
  readonly apps: Apps
  readonly random: Random
}

/** One of these. */
export function oneOf<One>(random: Random, choices: readonly One[]): One {
  return choices[Math.floor(random() * choices.length)] as One // there is one at each of these places
}

/** A browser each of whose requests reaches any of the processes. */
export function roaming({ apps, random }: Meeting, jar: CookieJar): UserAgent {
  const origins = {
    get [publicOrigin]() {
      return apps.at(Math.floor(random() * apps.members.length)).origin
    },
  }
  return new UserAgent({ clock: apps.servers.clock, origins }, jar)
}

/** The cookies as a script sends them. */
export function headerOf(jar: CookieJar): string {
  return jar.header(new URL(publicOrigin)) ?? ''
}

/** Any acts: some calls, and one to three of the others, each at most once. */
export function planOf(random: Random, repertoire: readonly ActName[]): readonly ActName[] {
  const calls = Array.from({ length: 1 + Math.floor(random() * 3) }, () => 'calls the API' as const)
  const others = repertoire
    .map((act) => ({ act, place: random() }))
    .toSorted((a, b) => a.place - b.place)
    .slice(0, 1 + Math.floor(random() * 3))
    .map(({ act }) => act)
  return [...calls, ...others]
}

/** Signs somebody in, who leaves something in `req.session` and perhaps links an account. */
export async function prepared(meeting: Meeting, userId: string): Promise<CookieJar> {
  const { clock } = meeting.apps.servers
  const jar = new CookieJar(() => clock.now())
  const browser = roaming(meeting, jar)
  const start = `${publicOrigin}/login/example?returnTo=/whoami`
  let page = await browser.signIn(start, { as: nameOf(userId) })
  // Where the store was too slow once.
  if (page.status === 503) page = await browser.signIn(start, { as: nameOf(userId) })
  if (!page.text.includes(`"${userId}"`)) throw new Error(`${userId} is not signed in: ${page.status}`)
  await browser.get(`${publicOrigin}/put/note/before`)
  if (meeting.random() < 0.4) await linked(browser, userId)
  return jar
}

/** All the windows at once. */
export async function run(
  meeting: Meeting,
  userId: string,
  before: CookieJar,
  acts: readonly ActName[],
): Promise<Race> {
  const written = `${Math.floor(meeting.random() * 1e9)}`
  const windows = acts.map(async (act): Promise<Window> => {
    const jar = before.clone()
    const page = await performed(act, roaming(meeting, jar), { userId, written })
    return { act, status: page.status, jar, isDone: isDone(act, page) }
  })
  return { userId, before, acts, windows: await Promise.all(windows), written }
}

/** The name on the button of the consent page. */
export function nameOf(userId: string): string {
  return userId.replace('user-', 'User ')
}

async function performed(
  act: ActName,
  browser: UserAgent,
  { userId, written }: { readonly userId: string; readonly written: string },
): Promise<PageResponse> {
  const script = { headers: { accept: 'application/json' }, redirect: 'manual' } as const
  switch (act) {
    case 'calls the API':
      return browser.get(`${publicOrigin}/me`, script)
    case 'reads its data':
      return browser.get(`${publicOrigin}/data`, script)
    case 'writes data':
      return browser.get(`${publicOrigin}/put/colour/${written}`, script)
    case 'signs in again':
      return browser.signIn(`${publicOrigin}/login/example?returnTo=/whoami`, { as: nameOf(userId) })
    case 'signs out':
      return browser.post(`${publicOrigin}/logout`, {}, script)
    case 'signs out everywhere':
      return browser.post(`${publicOrigin}/everywhere`, {}, script)
    case 'links an account':
      return linked(browser, userId)
    case 'disconnects the linked account':
      return browser.post(`${publicOrigin}/disconnect`, {}, script)
  }
}

/** The last page of a link, or the first that does not lead on. */
async function linked(browser: UserAgent, userId: string): Promise<PageResponse> {
  let page = await browser.get(`${publicOrigin}/link`)
  if (page.text.includes('Continue to')) page = await browser.submit(page, { button: 'Continue to other' })
  if (page.text.includes('data-consent-page')) page = await browser.submit(page, { button: nameOf(userId) })
  return page
}

function isDone(act: ActName, { status, url }: PageResponse): boolean {
  if (act === 'signs in again') return status === 200 && url === `${publicOrigin}/whoami`
  // Whether the account is still there is another window's doing.
  if (act === 'links an account') return status === 200 && url === `${publicOrigin}/accounts`
  return [200, 303].includes(status)
}
