package data

// Category is a parent category of cloud software with some of its children. Services name the children; the search
// mapping's transformations add the parents.
type Category struct {
	Parent   string
	Children []string
}

// Categories are the parents in the mappings of G-Cloud 10 to 12, each with a few of its children. Some children belong to
// several parents, as in reality.
func Categories() []Category {
	return []Category{
		{"Accounting and finance", []string{"Accounts payable", "Billing and invoicing", "Financial management", "Payroll"}},
		{"Analytics and business intelligence", []string{"Analytics", "Business intelligence", "Data visualisation"}},
		{"Application security", []string{"Encryption", "Log management", "Security risk management"}},
		{"Collaborative working", []string{"Calendar", "Content management system (CMS)", "Email and secure email", "Workflow"}},
		{"Creative, design and publishing", []string{"Content management system (CMS)", "Digital publishing", "Word processing (office productivity)"}},
		{"Customer relationship management (CRM)", []string{"Call centre", "Contact management", "Forms and surveys", "Live chat"}},
		{"Electronic document and records management (EDRM)", []string{"Backup, recovery and archival", "Document management", "Electronic signatures"}},
		{"Healthcare", []string{"Clinical decision support", "Electronic medical records", "Pharmacy management"}},
		{"Human resources and employee management", []string{"Payroll", "Recruitment", "Training", "Workforce management"}},
		{"Information and communications technology (ICT)", []string{"Calendar", "Call centre", "Email and secure email", "Systems monitoring", "Video conferencing"}},
		{"Legal and enforcement", []string{"Law enforcement", "Legal case management"}},
		{"Marketing", []string{"Email marketing", "Forms and surveys", "Social marketing"}},
		{"Operations management", []string{"Business process management (BPM)", "Contract management", "Workflow"}},
		{"Project management and planning", []string{"Project management", "Task management"}},
		{"Sales", []string{"eCommerce and shopping cart", "Sales intelligence tracking"}},
		{"Schools, education and libraries", []string{"Library management", "School management", "Training"}},
		{"Software development tools", []string{"Continuous integration and continuous delivery", "Software testing", "Source code management"}},
		{"Transport and logistics", []string{"Fleet management", "Route planning", "Supply chain management"}},
	}
}

func children() []string {
	var list []string
	seen := map[string]bool{}
	for _, c := range Categories() {
		for _, child := range c.Children {
			if !seen[child] {
				seen[child] = true
				list = append(list, child)
			}
		}
	}
	return list
}
