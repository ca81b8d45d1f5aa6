package platform

// World is the content of a platform at its start.
type World struct {
	Org, Space string
	Users      []User
	Clients    []Client
	Domains    []string // shared domains; the first is the default
	// OtherDomains are private, internal or for TCP.
	OtherDomains []Domain
	OrgQuota     Quota
	SpaceQuota   Quota // unnamed: the space has none
	Offerings    []Offering
	Services     []Service
	Apps         []App
	// RouteServices are the bindings of a route ("host.domain/path") to a user-provided service with a RouteServiceURL.
	RouteServices []RouteService
	Policies      []Policy
}

// Domain is a domain of the organisation itself, or a shared one that is internal or for TCP.
type Domain struct {
	Name                   string
	Private, Internal, TCP bool
}

// User may log in with a password. ReadOnly is the role of an auditor, who may neither write nor see environments and
// secrets.
type User struct {
	Name, Password string
	ReadOnly       bool
}

// Client gets a token with its own credentials.
type Client struct{ ID, Secret string }

// Quota limits; 0 means unlimited.
type Quota struct {
	Name                                    string
	MemoryMB, InstanceMemoryMB, Instances   int
	Services, ServiceKeys, Routes, AppTasks int
}

// Offering is a service offering of the marketplace, with its plans.
type Offering struct {
	Name, Description string
	Tags              []string
	Plans             []Plan
	// AllowContextUpdates makes a rename a job that calls the broker (ccng: service_instance_update_managed.rb).
	AllowContextUpdates bool
	// PlansFixed refuses changes of an instance's plan (ccng: service_instance_update_managed.rb).
	PlansFixed bool
	// BindingsHidden refuses to show the parameters of bindings (ccng: app/actions/v2/services/service_binding_read.rb).
	BindingsHidden bool
}

// Plan is a plan of an offering.
type Plan struct {
	Name, Description string
	Free              bool
	Unavailable       bool // withdrawn from the marketplace; existing instances stay
}

// Service is a service instance: managed if it has an offering and a plan, otherwise user-provided.
type Service struct {
	Name, Offering, Plan            string
	Tags                            []string
	Credentials                     map[string]any
	SyslogDrainURL, RouteServiceURL string
}

// App is an app, as its manifest describes it.
type App struct {
	Name, Image                 string // with buildpacks, Image is only the program that its droplet runs
	Buildpacks                  []string
	Command                     string // of the web process; "" is the droplet's own
	DockerUser, DockerPassword  string
	Instances, MemoryMB, DiskMB int
	Env                         map[string]string
	Services                    []Bound
	Routes                      []string // "host.domain/path"
	HealthCheckType             string   // default http if there is an endpoint, otherwise port
	HealthCheckEndpoint         string
	Labels, Annotations         map[string]string
	Stopped                     bool
}

// Bound is a service in an app's manifest.
type Bound struct{ Name, BindingName string }

// RouteService binds a route to a service that judges its requests.
type RouteService struct{ Route, Service string }

// Policy allows the containers of one app to connect to those of another.
type Policy struct {
	From, To, Protocol  string
	FirstPort, LastPort int
}

// DigitalMarketplace is the Digital Marketplace's space of one stage: search-api with its Elasticsearch, its two routes
// behind an allow-list, metrics and logs.
func DigitalMarketplace(stage, user, password string) World {
	live := "dm-search-api-" + stage + ".cloudapps.digital"
	return World{
		Org: "digitalmarketplace", Space: stage,
		Users:        []User{{Name: user, Password: password}},
		Clients:      []Client{{ID: "cutover", Secret: password}},
		Domains:      []string{"cloudapps.digital"},
		OtherDomains: []Domain{{Name: "apps.internal", Internal: true}, {Name: "tcp.cloudapps.digital", TCP: true}},
		OrgQuota:     Quota{Name: "large", MemoryMB: 102400, Services: 100, Routes: 1000},
		Offerings: []Offering{{
			Name: "elasticsearch", Description: "Elasticsearch instances provisioned via Aiven", Tags: []string{"elasticsearch"},
			PlansFixed: true, // alphagov/paas-cf#1472: otherwise an update seems to succeed and does nothing
			Plans: []Plan{
				{Name: "tiny-7.x", Description: "NOT suitable for production. 1 node, 1 vCPU, 2GB RAM, 10GB disk", Free: false},
				{Name: "small-ha-5.x", Description: "3 dedicated VMs, 1 CPU per VM, 4GB RAM per VM, 240GB disk space"},
				{Name: "small-ha-7.x", Description: "3 dedicated VMs, 1 CPU per VM, 4GB RAM per VM, 240GB disk space"},
			},
		}},
		Services: []Service{
			{Name: "search_api_elasticsearch", Offering: "elasticsearch", Plan: "small-ha-5.x"},
			{Name: "digitalmarketplace_prometheus", Credentials: map[string]any{}},
			{Name: "digitalmarketplace_splunk", SyslogDrainURL: "syslog-tls://splunk.example.gov.uk:6514"},
			{Name: "digitalmarketplace_ip_allow_list", RouteServiceURL: "https://re-ip-whitelist-service.cloudapps.digital"},
		},
		Apps: []App{{
			Name: "search-api", Image: "digitalmarketplace/search-api:release-1234",
			DockerUser: "dmdeploy", DockerPassword: "docker-password",
			Instances: 2, MemoryMB: 512, DiskMB: 2048,
			Env: map[string]string{
				"DM_APP_NAME": "search-api", "DM_ENVIRONMENT": stage, "PROMETHEUS_METRICS_PATH": "/_metrics",
				"METRICS_BASIC_AUTH": "false", "DM_LOG_PATH": "",
				"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "aws-secret-access-key",
				"DM_SEARCH_API_AUTH_TOKENS": "search-api-token",
			},
			Services: []Bound{{Name: "search_api_elasticsearch"}, {Name: "digitalmarketplace_prometheus"}, {Name: "digitalmarketplace_splunk"}},
			Routes:   []string{live, live + "/_metrics"},

			HealthCheckType: "http", HealthCheckEndpoint: "/_status?ignore-dependencies",
		}},
		RouteServices: []RouteService{
			{Route: live, Service: "digitalmarketplace_ip_allow_list"},
			{Route: live + "/_metrics", Service: "digitalmarketplace_ip_allow_list"},
		},
	}
}
