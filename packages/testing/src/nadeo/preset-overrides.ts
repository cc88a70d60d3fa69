import type { NadeoAccount } from './accounts.ts'

/** The options of a Nadeo preset that lead it to an emulator instead of the real hosts. */
export interface NadeoPresetOverrides {
  readonly account: NadeoAccount['kind']
  readonly login: string
  readonly password: string
  readonly clientLogin: {
    readonly login: NadeoRequest
    readonly refresh: NadeoRequest
    readonly audiences: readonly [NadeoAudience, NadeoAudience]
  }
  /** Origins that may get an access token. */
  readonly resourceOrigins: readonly string[]
}

interface NadeoRequest {
  readonly endpoint: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Readonly<Record<string, string>>
}

interface NadeoAudience {
  readonly name: string
  readonly aliases: readonly string[]
  readonly resourceOrigins: readonly string[]
}

/** Where the three hosts listen. */
interface NadeoHosts {
  readonly core: { readonly origin: string }
  readonly live: { readonly origin: string }
  readonly meet: { readonly origin: string }
}

/** The requests as the real hosts want them, at the addresses of the emulated ones. */
export function nadeoPresetOverrides(
  { core, live, meet }: NadeoHosts,
  account: NadeoAccount | undefined,
): NadeoPresetOverrides {
  const { kind = 'service', login = '', password = '' } = account ?? {}
  const audience = (name: string, aliases: readonly string[], resourceOrigins: readonly string[]) => {
    return { name, aliases, resourceOrigins }
  }
  return {
    account: kind,
    login,
    password,
    clientLogin: {
      login: {
        endpoint: `${core.origin}/v2/authentication/token/basic`,
        headers: { authorization: 'Basic {basic}' },
        body: { audience: '{audience}' },
      },
      refresh: {
        endpoint: `${core.origin}/v2/authentication/token/refresh`,
        headers: { authorization: 'nadeo_v1 t={refresh_token}' },
      },
      audiences: [
        audience('NadeoServices', ['core', 'prod'], [core.origin]),
        audience('NadeoLiveServices', ['live', 'meet', 'club'], [live.origin, meet.origin]),
      ],
    },
    resourceOrigins: [core.origin, live.origin, meet.origin],
  }
}
