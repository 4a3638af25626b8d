"""Models that are no networks: frozen hyper-parameters, from which scikit-learn's estimators are made."""

from handgrad.classical.models import (
    KNN,
    SVM,
    ClassicalModel,
    Estimate,
    Fitted,
    LinearSVM,
    Logistic,
    RandomForest,
    Stage,
    check_labels,
    estimate,
    fit,
    scores,
)

CLASSICAL: dict[str, type[ClassicalModel]] = {
    "svm": SVM,
    "linear_svm": LinearSVM,
    "logistic": Logistic,
    "knn": KNN,
    "random_forest": RandomForest,
}
