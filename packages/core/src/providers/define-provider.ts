import { inspect } from 'node:util'
import type { Provider, ProviderPreset, UserFields, Userinfo } from '../protocol/provider.ts'
import { openidUserFields } from '../protocol/user.ts'
import { validateProvider } from './validate-provider.ts'

/** Any scope, with the known ones offered by editors. */
export type ScopeName<Known extends string = never> = Known | (string & {})

/** Where the user's claims come from: a URL alone keeps the preset's fields. */
export type UserinfoOption = string | (Omit<Userinfo, 'fields'> & { readonly fields?: Partial<UserFields> })

/** Options of every preset: the client's credentials, and any field of the preset that should be another. */
export interface ProviderOptions<Id extends string = string, KnownScope extends string = never>
  extends Partial<Omit<Provider, 'id' | 'scope' | 'userinfo' | 'clientId' | 'clientSecret'>> {
  /** Another id, for a second client at the same server. It stands in URLs and in the names of variables. */
  readonly id?: Id
  /** Left out: taken from `<ID>_CLIENT_ID`. */
  readonly clientId?: string | undefined
  /** Left out: taken from `<ID>_CLIENT_SECRET`. */
  readonly clientSecret?: string | undefined
  readonly scope?: readonly ScopeName<KnownScope>[]
  readonly userinfo?: UserinfoOption
}

/** What a preset must say itself; everything else has a default. */
export type PresetData = Partial<Provider> & Pick<Provider, 'name' | 'resourceOrigins'>

/** What holds unless a preset or an option says otherwise: the behaviour that the RFCs ask for. */
const defaults: Omit<Provider, 'id' | 'clientId' | 'name' | 'resourceOrigins'> = {
  clientAuth: { method: 'client_secret_basic' },
  scope: [],
  scopeSeparator: ' ',
  sendEmptyScope: false,
  params: {},
  pkce: 'required',
  responseMode: 'query',
  tokenBodyFormat: 'form',
  tokenParams: {},
  tokenHeaders: {},
  tokenAnswer: {},
  clientCredentials: false,
  idTokenAlgorithms: [
    'RS256',
    'RS384',
    'RS512',
    'PS256',
    'PS384',
    'PS512',
    'ES256',
    'ES384',
    'ES512',
    'EdDSA',
    'Ed25519',
  ],
  credentials: { scheme: 'Bearer' },
  resourceHeaders: {},
  deadRefresh: [{ error: 'invalid_grant' }],
  refreshEndsAccessToken: false,
  exclusive: false,
  expiryNoticeDays: 14,
  revocation: 'authorization',
}

/**
 * A provider from a preset's data and the app's options, which win field by field. `undefined` counts as left out.
 *
 * @throws {LatchkeyError} `invalid_options` that names the field and the fix.
 */
export function defineProvider<Id extends string>(
  id: Id,
  preset: PresetData,
  options: ProviderOptions<Id, string>,
): ProviderPreset<Id> {
  const { userinfo, ...overrides } = definedFields(options)
  const merged = mergeUserinfo(preset.userinfo, userinfo)
  const provider: ProviderPreset<Id> = {
    ...defaults,
    ...definedFields(preset),
    ...overrides,
    id,
    ...(merged === undefined ? {} : { userinfo: merged }),
  }
  validateProvider(provider)
  return Object.freeze(withoutSecretsInLogs(provider))
}

/** Which client of which server it is, nothing else: secrets and keys may stand in any other field. */
function description({ id, name, clientId, issuer, tokenEndpoint }: Partial<Provider>): object {
  return { id, name, clientId, issuer, tokenEndpoint }
}

function withoutSecretsInLogs<Preset extends object>(preset: Preset): Preset {
  const value = (): object => description(preset)
  return Object.defineProperties(preset, { toJSON: { value }, [inspect.custom]: { value } })
}

function mergeUserinfo(
  preset: Userinfo | undefined,
  option: UserinfoOption | undefined,
): Userinfo | undefined {
  if (option === undefined) return preset
  const { fields, ...rest } = typeof option === 'string' ? { endpoint: option } : option
  return { ...preset, ...rest, fields: { ...(preset?.fields ?? openidUserFields), ...fields } }
}

/** The fields that have a value. JavaScript apps pass `process.env.X`, which may be `undefined`. */
function definedFields<Fields extends object>(fields: Fields): Defined<Fields> {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries) as Defined<Fields> // the same fields, less those without a value
}

type Defined<Fields> = { [Name in keyof Fields]: Exclude<Fields[Name], undefined> }
