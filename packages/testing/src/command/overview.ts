import type { Brand } from '../authorization-server/consent-page.ts'
import { servedEndpoints } from '../authorization-server/metadata.ts'
import { type EmulatorName, type Emulators, emulatorNames, type ProviderEmulators } from '../emulators.ts'
import type { NadeoEmulator } from '../nadeo/nadeo.ts'

/** What an app has to know of one emulator. */
export interface Overview {
  /** The provider's id in routes: `/login/spotify`. */
  readonly id: EmulatorName
  readonly brand: Brand
  /** Each real origin, and where the emulator answers for it. */
  readonly origins: Readonly<Record<string, string>>
  readonly environment: Readonly<Record<string, string>>
  /** The options of the preset that lead an app here. */
  readonly options: object
  /** The call of the preset with them. */
  readonly preset: string
  /** Who can sign in. */
  readonly people: readonly string[]
  /** URLs by the names of the endpoints. */
  readonly endpoints: Readonly<Record<string, string>>
}

const NADEO: Brand = {
  name: 'Nadeo',
  background: '#101820',
  panel: '#1a2732',
  ink: '#f2f6f9',
  accent: '#4fc3f7',
}

/** All running emulators, in the order of their names' list. */
export function overviewsOf(emulators: Partial<Emulators>): readonly Overview[] {
  return emulatorNames.flatMap((name) => {
    const emulator = emulators[name]
    return emulator === undefined ? [] : [overviewOf(name, emulator)]
  })
}

function overviewOf(id: EmulatorName, emulator: ProviderEmulators[EmulatorName]): Overview {
  const { origins, environment } = emulator
  const options = { ...demandsOf(id, emulator), ...emulator.presetOverrides }
  const common = { id, origins, environment, options, preset: `${id}(${literal(options)})` }
  if (!('as' in emulator)) return { ...common, ...nadeoOverview(emulator) }
  const { as } = emulator
  return {
    ...common,
    brand: as.brand,
    people: as.users.map((user) => [user.name, user.id, user.email].filter(Boolean).join(', ')),
    endpoints: servedEndpoints(as.endpoints),
  }
}

/** What a preset wants to be told besides. */
function demandsOf(id: EmulatorName, emulator: ProviderEmulators[EmulatorName]): object {
  if (id === 'nadeo') return { userAgent: 'my-app / me@example.com' }
  return id === 'auth0' && 'domain' in emulator
    ? { domain: emulator.domain, audience: emulator.audience }
    : {}
}

function nadeoOverview({
  accounts,
  presetOverrides,
}: NadeoEmulator): Pick<Overview, 'brand' | 'people' | 'endpoints'> {
  const { login, refresh } = presetOverrides.clientLogin
  return {
    brand: NADEO,
    people: accounts.map(
      (account) => `${account.displayName}, login ${account.login}, password ${account.password}`,
    ),
    endpoints: { login: login.endpoint, refresh: refresh.endpoint },
  }
}

/** As it is written in a program. No value has quotes in it. */
function literal(value: object): string {
  return JSON.stringify(value, undefined, 2)
    .replace(/^( *)"(\w+)":/gm, '$1$2:')
    .replace(/\[\s+([^[\]{}]*?)\s+\]/g, (_, list: string) => `[${list.replace(/\s+/g, ' ')}]`)
    .replaceAll('"', "'")
}
